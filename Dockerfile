# The image for a Hytale server: Java 25 and hytale-entrypoint. It holds no file of the game; those come
# in a volume. Both base images can be replaced: --build-arg RUST_IMAGE=... --build-arg JAVA_IMAGE=...
# The binary alone, for images of your own: --target binary.
ARG RUST_IMAGE=rust:1.95-alpine
ARG JAVA_IMAGE=eclipse-temurin:25-jre

FROM ${RUST_IMAGE} AS build
# Alpine's own target is musl, which links statically; the TLS library needs a C compiler.
RUN if command -v apk >/dev/null; then apk add --no-cache build-base; fi
WORKDIR /build
COPY . .
# With --target, the flags are for the binary alone and not for what runs during the build. What knows its own address need not
# relocate itself at every start: a fifth of the start and 160 KiB; stack and heap have random addresses all the same.
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --release --locked --target "$host" \
    && cp "target/$host/release/hytale-entrypoint" /hytale-entrypoint \
    && rm -r target
# Man pages and completions; apart, so that what writes them adds nothing to the binary.
RUN cargo run --locked --package hytale-entrypoint-pages -- /share && rm -r target

FROM scratch AS binary
COPY --from=build /hytale-entrypoint /hytale-entrypoint
ENTRYPOINT ["/hytale-entrypoint"]

FROM ${JAVA_IMAGE}
COPY --from=build /hytale-entrypoint /usr/local/bin/hytale-entrypoint
COPY --from=build /share/ /usr/local/share/
# The server's files are in /hytale (Server/ and Assets.zip), the leases in the state folder. Both must
# outlive the container, and belong to the user that the server runs as.
RUN mkdir -p /hytale/Server /var/lib/hytale-entrypoint \
    && chown -R 1000:1000 /hytale /var/lib/hytale-entrypoint \
    && chmod 0700 /var/lib/hytale-entrypoint
USER 1000:1000
ENV HYTALE_ENTRYPOINT_STATE_DIR=/var/lib/hytale-entrypoint
VOLUME ["/hytale", "/var/lib/hytale-entrypoint"]
WORKDIR /hytale/Server
EXPOSE 5520/udp
STOPSIGNAL SIGTERM
# Within the start period a server that still boots is neither healthy nor counted as failing.
HEALTHCHECK --interval=15s --timeout=5s --start-period=5m --retries=3 CMD ["hytale-entrypoint", "health"]
ENTRYPOINT ["hytale-entrypoint", "run", "--"]
CMD ["--assets", "../Assets.zip"]

ARG VERSION=unknown
LABEL org.opencontainers.image.title="hytale-entrypoint" \
    org.opencontainers.image.description="Java and the entrypoint for Hytale dedicated servers: session tokens, PID 1, and no leaked slot" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.source="https://github.com/hytale-entrypoint/hytale-entrypoint" \
    org.opencontainers.image.version="${VERSION}"
