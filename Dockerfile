# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/posthog-mcp ./cmd/posthog-mcp

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/posthog-mcp /usr/local/bin/posthog-mcp
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/posthog-mcp"]
CMD ["serve"]
