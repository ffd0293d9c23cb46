# One static binary on an empty image, not root. Data live in /data.
#
#   docker build -t binnacle .
#   docker run -p 8470:8470 -v binnacle:/data binnacle
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /binnacle ./cmd/binnacle \
 && mkdir -p /rootfs/data /rootfs/tmp /rootfs/etc/ssl/certs \
 && cp /binnacle /rootfs/binnacle \
 && cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/ \
 && chmod 0700 /rootfs/data && chmod 1777 /rootfs/tmp

FROM scratch
COPY --from=build /rootfs/ /
COPY --from=build --chown=65532:65532 /rootfs/data /data
USER 65532:65532
VOLUME /data
EXPOSE 8470
ENV BINNACLE_DATA=/data
ENTRYPOINT ["/binnacle"]
CMD ["serve", "--listen", "0.0.0.0:8470"]
