# The environment of requirements.lock, to run the pipeline of the checkout that is mounted.
#   docker build -t digits-train -f docker/train.Dockerfile .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/project" digits-train
FROM python:3.11-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /build/
COPY docker/packages /build/docker/
RUN /build/docker/packages /build/requirements.lock /venv \
  && git config --system --add safe.directory /project \
  && useradd --create-home --uid 1000 digits
ENV PATH=/venv/bin:$PATH HOME=/tmp MLFLOW_DISABLE_TELEMETRY=true
USER 1000:1000
WORKDIR /project
ENTRYPOINT ["python", "-m", "digits.cli"]
CMD ["repro"]
