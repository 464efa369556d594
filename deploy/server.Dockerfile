# The tracking server of a team, from deploy/server.lock:
#   docker build -t digits-server -f deploy/server.Dockerfile .
# It listens on 127.0.0.1 alone, hence the host's network in deploy/compose.yaml.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /build/
COPY docker/packages /build/docker/
COPY deploy/server.lock /build/deploy/
RUN /build/docker/packages /build/deploy/server.lock /venv

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
COPY --from=packages /venv /venv
RUN useradd --create-home --uid 1000 mlflow && mkdir /artifacts && chown mlflow /artifacts
USER 1000:1000
WORKDIR /home/mlflow
ENTRYPOINT ["mlflow", "server", "--app-name", "basic-auth"]
