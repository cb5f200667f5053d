# The image for a Hytale server: Java 25 and hytale-entrypoint. It holds no file of the game; those come
# in a volume. Both base images can be replaced: --build-arg RUST_IMAGE=... --build-arg JAVA_IMAGE=...
ARG RUST_IMAGE=rust:1.95-alpine
ARG JAVA_IMAGE=eclipse-temurin:25-jre

FROM ${RUST_IMAGE} AS build
# Alpine's own target is musl, which links statically; the TLS library needs a C compiler.
RUN if command -v apk >/dev/null; then apk add --no-cache build-base; fi
WORKDIR /build
COPY . .
# With --target, the flag is for the binary alone and not for what runs during the build.
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$host" \
    && cp "target/$host/release/hytale-entrypoint" /hytale-entrypoint

FROM ${JAVA_IMAGE}
COPY --from=build /hytale-entrypoint /usr/local/bin/hytale-entrypoint
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
ENTRYPOINT ["hytale-entrypoint", "run", "--"]
CMD ["--assets", "../Assets.zip"]
