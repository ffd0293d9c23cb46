# One static binary on an empty image, not root. Data live in /data.
#
#   docker build -t binnacle .
#   docker run -p 8470:8470 -v binnacle:/data binnacle
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# What the program calls itself comes from the tag or commit of the repository;
# without one, as of an archive of the source, it is "dev".
RUN git rev-parse HEAD >/dev/null 2>&1 || export GOFLAGS=-buildvcs=false; \
    mkdir -p /rootfs/tmp /rootfs/etc/ssl/certs /data \
 && CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /rootfs/binnacle ./cmd/binnacle \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
 && chmod 0700 /data && chmod 1777 /rootfs/tmp

FROM scratch
COPY --from=build /rootfs/ /
# A folder that is there already would keep its owner.
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 8470
ENV BINNACLE_DATA=/data
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/binnacle", "doctor", "--server", "http://127.0.0.1:8470"]
ENTRYPOINT ["/binnacle"]
CMD ["serve", "--listen", "0.0.0.0:8470"]
