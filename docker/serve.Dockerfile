# Serves a model with its fast twin: numpy, LiteRT, and MLflow's server. No TensorFlow, Keras, DVC or Great Expectations.
#   docker build -t digits-serve -f docker/serve.Dockerfile .
#   docker run --rm --network host -v "$PWD/models:/model:ro" digits-serve
# It listens on 127.0.0.1 alone, hence the host's network.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.lock /build/
COPY docker/packages docker/serve.lock /build/docker/
RUN /build/docker/packages /build/docker/serve.lock /venv

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 MLFLOW_DISABLE_TELEMETRY=true
COPY --from=packages /venv /venv
COPY digits /app/digits
RUN useradd --create-home --uid 1000 digits
USER 1000:1000
WORKDIR /app
ENTRYPOINT ["python", "-m", "digits.cli"]
CMD ["serve", "--model", "/model"]
