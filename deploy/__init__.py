"""The tracking server of a team: settings for a machine of its own, and the same server in a temporary folder.

`server.env`, `auth.ini`, `Caddyfile`, the systemd units and `compose.yaml` set it up, `bootstrap.py` gives it roles,
`backup.sh` and `restore.sh` keep it; `local.py` starts it on 127.0.0.1, and `demo.py` shows a team at work.
"""
