"""The stages of dvc.yaml: one file each, with `main(params)`. `python -m stages NAME` runs one."""
