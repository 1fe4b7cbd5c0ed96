#!/usr/bin/env bash
# Makes lab.crt anew: of the lab's real servers, signed by itself, with the key lab.key. Directors that are to trust it are told so.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index"
cat > "$work/ca.cnf" <<END
[ca]
default_ca = lab
[lab]
database = $work/index
new_certs_dir = $work
policy = policy
default_md = sha256
rand_serial = yes
x509_extensions = lab_extensions
[policy]
CN = supplied
[lab_extensions]
subjectAltName = IP:10.8.8.81, IP:10.8.8.82, IP:fd00:8:8::81, IP:fd00:8:8::82
END
openssl req -new -key lab.key -subj '/CN=tsdirectord test, lab' -config /dev/null -out "$work/lab.csr"
openssl ca -batch -config "$work/ca.cnf" -selfsign -keyfile lab.key -in "$work/lab.csr" -out lab.crt -notext \
  -startdate 20200101000000Z -enddate 21260101000000Z
