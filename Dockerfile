# The service alone: no compiler, no tools for development, no PostgreSQL.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt ./
RUN pip install --require-hashes -r requirements.txt
COPY . .
# Editable, so that the migrations are found beside the code, in the same place as in a clone.
RUN pip install --no-deps --no-build-isolation -e . && python -m compileall -q /app

FROM python:3.13-slim
RUN groupadd --system --gid 10001 billing \
    && useradd --system --uid 10001 --gid billing --no-create-home --home-dir /nonexistent billing \
    && install -d -o billing -g billing -m 0700 /var/lib/billing
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BILLING_ENV=production \
    INSTANCE=/var/lib/billing \
    PORT=8000
WORKDIR /app
USER 10001:10001
VOLUME /var/lib/billing
EXPOSE 8000
# SIGTERM drains, then ends; the container must be given longer than the drain and graceful times together.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health/live\", timeout=2)"]
CMD ["billing-api", "serve"]
