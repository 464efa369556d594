"""digits: an MLOps pipeline that classifies handwritten digits, and can say why a model should be trusted.

The map, from left to right. A room uses the ground and the rooms before it, never those after it.

ground       errors · surroundings · program · arrays · files · paths · git · repair · dvc_files · dvc · style · results
params       the mirror of params.yaml: schema, reading, checking
workers      one function for many tasks: processes of this machine, or a Ray cluster
data         from the sources of MNIST to arrays of training, validation and test images
model        the network, fitting it, its file, classifying with it
pictures     from any picture to digits as MNIST has them, and reading them
validation   whether the raw data are what params.yaml says
tracking     runs in MLflow, found by the model that they made
evaluation   how good a model is, and whether another is better
audit        labels that networks contradict which never saw the images
report       the figures and tables that people look at
registry     models by any name, versions, and decisions about them: register, promote, rollback, pull, lineage
serving      answering HTTP requests, and pages to draw on and to label what was served
batch        predictions for whole data sets, in shards, by several workers
review       what a pull request changes, and what that does to the model
experiments  running the pipeline with other parameters, and sweeps
monitoring   what was served, against the validation images of its model
cli          one file a command

Beside them: stages/ holds one file a stage of dvc.yaml.
"""
