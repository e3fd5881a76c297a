#!/bin/sh
# Writes the S3 keys from the environment and starts SeaweedFS with everything but S3 on loopback.
set -eu
cat > /tmp/s3.json <<JSON
{"identities": [{"name": "huitang", "credentials": [{"accessKey": "${S3_ACCESS_KEY}", "secretKey": "${S3_SECRET_KEY}"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
JSON
exec weed server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.volumeSizeLimitMB=1024 -volume.max=0 \
  -s3 -s3.ip.bind=0.0.0.0 -s3.port=8333 -s3.config=/tmp/s3.json -s3.port.iceberg=0
