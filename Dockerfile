# One image for server, media and recordings; docker-compose.yml says which command each container runs.
FROM node:22-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM python:3.12-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/opt/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv /opt/venv && pip install --no-cache-dir --require-hashes --no-deps -r requirements.txt
COPY server/ server/
COPY media/ media/
COPY recordings/ recordings/
COPY --from=web /src/web/dist web/dist
RUN useradd --system --uid 10001 huitang && mkdir /data && chown huitang /data
USER huitang
VOLUME /data
ENV DATA_DIR=/data HOST=0.0.0.0 PORT=8080
CMD ["python", "-m", "server"]
