# The image of a router: the node program, what that imports, and nft. `make image` builds it; where Docker Hub and PyPI can be
# reached, so does `docker build --target node --tag erlab/node .` (BuildKit, as all engines have it since 20.10).
#
# Two builds from the same packages have the same layers, bit for bit: docs/decisions/0027-image.md. The secrets, all optional, are
# how the computer that builds reaches its registries: apt.conf, pip.conf, and certificates to know them by. The tmpfs is for what
# is mounted in it: an engine leaves empty directories where it has mounted.

FROM debian:bookworm-slim AS system
ARG SOURCE_DATE_EPOCH=1767225600
ENV PATH=/opt/erlab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Who runs python gets no more of these capabilities than the container has, and only by asking the kernel for them (p, without e).
RUN --mount=type=tmpfs,target=/run --mount=type=bind,source=.ci,target=/run/ci \
    --mount=type=secret,id=apt.conf --mount=type=secret,id=certificates \
    export APT_CONFIG=/run/secrets/apt.conf DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq && apt-get install -qq --yes --no-install-recommends python3 nftables \
 && useradd --system --uid 990 --no-create-home --shell /usr/sbin/nologin erlab \
 && python3 -m venv --without-pip /opt/erlab \
 && python3 -c 'import os, struct; \
REVISION, BIND_SERVICE, ADMIN, RAW = 0x02000000, 1 << 10, 1 << 12, 1 << 13; \
os.setxattr("/usr/bin/python3.11", "security.capability", struct.pack("<5I", REVISION, BIND_SERVICE | ADMIN | RAW, 0, 0, 0))' \
 && /run/ci/tidy_layer

# The packages of PyPI that the node program imports; the rest of erlab's are not needed in a container.
FROM system AS packages
RUN --mount=type=secret,id=apt.conf --mount=type=secret,id=certificates \
    export APT_CONFIG=/run/secrets/apt.conf DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq && apt-get install -qq --yes --no-install-recommends python3-pip-whl
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=certificates --mount=type=bind,source=.ci,target=/run/ci \
    export PIP_CONFIG_FILE=/run/secrets/pip.conf PYTHONPATH=$(echo /usr/share/python-wheels/pip-*.whl) \
 && python -m pip install --quiet --no-cache-dir --no-compile --only-binary :all: --target /packages \
    --constraint /run/ci/constraints.txt cattrs exabgp google-re2 \
 && rm -rf /packages/bin \
 && python3 -m compileall -q --invalidation-mode unchecked-hash -s /packages -p /opt/erlab/lib/python3.11/site-packages /packages

# Last of all, for it changes most. The modes of its files are those of whoever made the checkout, by his umask.
FROM system AS program
COPY lab /program/lab
RUN chmod -R u=rwX,go=rX /program && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
    -s /program -p /opt/erlab/lib/python3.11/site-packages /program

FROM system AS node
RUN --mount=type=tmpfs,target=/run --mount=type=bind,source=.ci,target=/run/ci \
    --mount=type=bind,from=packages,source=/packages,target=/run/packages \
    cp -a /run/packages/. /opt/erlab/lib/python3.11/site-packages && /run/ci/tidy_layer
RUN --mount=type=tmpfs,target=/run --mount=type=bind,source=.ci,target=/run/ci \
    --mount=type=bind,from=program,source=/program,target=/run/program \
    cp -a /run/program/. /opt/erlab/lib/python3.11/site-packages && /run/ci/tidy_layer
USER erlab
ENTRYPOINT ["python", "-m", "lab.node"]

# The same with other vendors' routers, as Debian has them, for customer edges of `kind: frr`, `bird` and `gobgp`. A container of FRR
# has SYS_ADMIN, which its zebra asks for; a python whose file allows it starts as well where the container has none.
FROM system AS peers
RUN --mount=type=tmpfs,target=/run --mount=type=bind,source=.ci,target=/run/ci \
    --mount=type=secret,id=apt.conf --mount=type=secret,id=certificates \
    export APT_CONFIG=/run/secrets/apt.conf DEBIAN_FRONTEND=noninteractive \
 && apt-get update -qq && apt-get install -qq --yes --no-install-recommends frr bird2 gobgpd \
 && usermod --append --groups bird,frr,frrvty erlab \
 && python3 -c 'import os, struct; \
REVISION, BIND_SERVICE, ADMIN, RAW, SYS_ADMIN = 0x02000000, 1 << 10, 1 << 12, 1 << 13, 1 << 21; \
os.setxattr("/usr/bin/python3.11", "security.capability", \
            struct.pack("<5I", REVISION, BIND_SERVICE | ADMIN | RAW | SYS_ADMIN, 0, 0, 0))' \
 && /run/ci/tidy_layer
RUN --mount=type=tmpfs,target=/run --mount=type=bind,source=.ci,target=/run/ci \
    --mount=type=bind,from=packages,source=/packages,target=/run/packages \
    cp -a /run/packages/. /opt/erlab/lib/python3.11/site-packages && /run/ci/tidy_layer
RUN --mount=type=tmpfs,target=/run --mount=type=bind,source=.ci,target=/run/ci \
    --mount=type=bind,from=program,source=/program,target=/run/program \
    cp -a /run/program/. /opt/erlab/lib/python3.11/site-packages && /run/ci/tidy_layer
USER erlab
ENTRYPOINT ["python", "-m", "lab.node"]
