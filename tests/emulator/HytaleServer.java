import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A stand-in for the Hytale server: the same flags, tokens, lines, signals and exit codes, and no game.
 *
 * <p>It tells nobody a token. A JVM of it is started by nearly every test, so it keeps away from what is slow to load: lambdas,
 * regular expressions, formatters, {@code java.time}, {@code java.net.http}.
 *
 * <p>What a test can ask for, in the environment (an empty variable counts as unset):
 *
 * <pre>
 * HYTALE_STAND_IN_SESSIONS_URL      the session service            https://sessions.hytale.com
 * HYTALE_STAND_IN_ISSUER            who must have signed           https://sessions.hytale.com
 * HYTALE_STAND_IN_BOOT              how long the boot takes        0 ms; a signal meanwhile ends it at once
 * HYTALE_STAND_IN_SAVE              how long a world save takes    0 ms
 * HYTALE_STAND_IN_SAVE_FILE         what the save writes: "world save started", "chunk 1 of 8" ..., "world saved"
 * HYTALE_STAND_IN_REPORT            a JSON file, written before the tokens are checked: {"pid", "argv", "environment": [names],
 *                                   "session_token", "identity_token": {"from": "argument"|"environment"|"none", "sha256"}}
 * HYTALE_STAND_IN_REFRESH_AFTER     ms from boot to the first refresh, instead of the real schedule
 * HYTALE_STAND_IN_FREE_SESSION      1: frees its session at shutdown, as builds up to 2026.01.17 did
 * HYTALE_STAND_IN_EXIT_BEFORE_BOOT  ends with this code before the tokens are checked
 * HYTALE_STAND_IN_EXIT              ends with this code once it has booted, without a shutdown, as a crash does
 * </pre>
 */
public final class HytaleServer {
    private static final int AUTHENTICATION_FAILED = 2;

    private final Options options;
    private final Session session;
    private boolean stopRequested;
    private boolean shuttingDown;

    private HytaleServer(Options options, Session session) {
        this.options = options;
        this.session = session;
    }

    public static void main(String[] arguments) throws Exception {
        long started = System.nanoTime();
        Options options = new Options(arguments);
        Report.write(arguments, options);
        endIfAsked("EXIT_BEFORE_BOOT");
        log("Starting the Hytale server (a stand-in for tests)");
        if (options.unknown > 0) {
            log("Arguments left to mods: " + options.unknown);
        }
        if (options.error != null) {
            log("Cannot start: " + options.error);
            end(1);
        }
        Session session = authenticate(options);
        log("Loading assets and world 'default'");
        Thread.sleep(Asked.number("BOOT", 0));

        final HytaleServer server = new HytaleServer(options, session);
        Runtime.getRuntime().addShutdownHook(new Thread("shutdown") {
            @Override
            public void run() {
                server.shutdown();
            }
        });
        long took = (System.nanoTime() - started) / 1_000_000;
        String kind = options.singleplayer ? "Singleplayer" : "Multiplayer";
        log("\u001b[1;32mHytale Server Booted! [" + kind + "] took " + took / 1000 + "sec " + took % 1000 + "ms\u001b[0m");
        endIfAsked("EXIT");

        if (session != null) {
            session.refreshInBackground();
        }
        server.readConsole();
        server.awaitStop();
        server.shutdown();
        System.exit(0);
    }

    /** The session to play under, or null when none is needed. */
    private static Session authenticate(Options options) {
        if (!options.mode.equals("authenticated")) {
            log("Authentication is off: --auth-mode " + options.mode);
            return null;
        }
        if (options.singleplayer && options.sessionToken == null && options.identityToken == null) {
            return null;
        }
        try {
            return Session.open(options);
        } catch (Refused | IOException | GeneralSecurityException why) {
            log("\u001b[1;31mAuthentication failed: " + why.getMessage() + "\u001b[0m");
            end(AUTHENTICATION_FAILED);
            return null;
        }
    }

    /**
     * Whoever comes first, the main thread after {@code stop} or the JVM's hook after a signal, saves the world. A hook that comes
     * second returns at once, and the JVM ends around the main thread: the real server's race, which cuts its save short.
     */
    private void shutdown() {
        synchronized (this) {
            if (shuttingDown) {
                return;
            }
            shuttingDown = true;
        }
        log("Shutdown triggered!!!");
        saveWorld();
        if (session != null && (options.singleplayer || Asked.number("FREE_SESSION", 0) == 1)) {
            session.free();
        }
        log("Shutdown completed!");
    }

    private static void saveWorld() {
        final int chunks = 4;
        long pause = Asked.number("SAVE", 0) / chunks;
        try (FileOutputStream file = new FileOutputStream(Asked.text("SAVE_FILE", "/dev/null"))) {
            saved(file, "world save started");
            for (int chunk = 1; chunk <= chunks; chunk++) {
                Thread.sleep(pause);
                saved(file, "chunk " + chunk + " of " + chunks);
            }
            saved(file, "world saved");
        } catch (IOException | InterruptedException why) {
            log("The world could not be saved: " + why);
        }
    }

    private static void saved(FileOutputStream file, String what) throws IOException {
        file.write((what + "\n").getBytes(StandardCharsets.UTF_8));
        log("Saving world 'default': " + what);
    }

    private void readConsole() {
        Thread console = new Thread("console") {
            @Override
            public void run() {
                try {
                    for (String line; (line = readLine(System.in)) != null; ) {
                        command(line.trim());
                    }
                } catch (IOException why) {
                    log("The console is gone: " + why.getMessage());
                }
            }
        };
        console.setDaemon(true);
        console.start();
    }

    private void command(String line) {
        switch (line.startsWith("/") ? line.substring(1) : line) {
            case "" -> {}
            case "stop" -> {
                synchronized (this) {
                    stopRequested = true;
                    notifyAll();
                }
            }
            case "auth status" -> log(session == null ? "Not authenticated" : session.status());
            case "help" -> log("Commands: /auth status, /help, /stop");
            default -> log("Unknown command; try /help");
        }
    }

    private synchronized void awaitStop() throws InterruptedException {
        while (!stopRequested) {
            wait();
        }
    }

    private static String readLine(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int next;
        while ((next = in.read()) != -1 && next != '\n') {
            line.write(next);
        }
        return next == -1 && line.size() == 0 ? null : line.toString(StandardCharsets.UTF_8);
    }

    private static void endIfAsked(String name) {
        int code = (int) Asked.number(name, -1);
        if (code >= 0) {
            log("Ending with code " + code + ", as HYTALE_STAND_IN_" + name + " asks");
            end(code);
        }
    }

    /** Ends without the shutdown hook. */
    private static void end(int code) {
        Runtime.getRuntime().halt(code);
    }

    private static final FileOutputStream STDOUT = new FileOutputStream(FileDescriptor.out);

    /** One write per line, so that threads never mix theirs. A reader that is gone is no reason to stop. */
    static void log(String line) {
        try {
            STDOUT.write(("[HytaleServer] " + line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException gone) {
            // there is nobody to tell
        }
    }

    /** The variables HYTALE_STAND_IN_*. */
    static final class Asked {
        static String text(String name, String otherwise) {
            return variable("HYTALE_STAND_IN_" + name, otherwise);
        }

        static long number(String name, long otherwise) {
            String value = text(name, null);
            return value == null ? otherwise : Long.parseLong(value);
        }

        static String variable(String name, String otherwise) {
            String value = System.getenv(name);
            return value == null || value.isEmpty() ? otherwise : value;
        }
    }

    /** The command line, and the variables that stand in for parts of it. */
    static final class Options {
        private static final List<String> WITH_VALUE = List.of("--assets", "--bind", "--session-token", "--identity-token",
                "--owner-uuid", "--auth-mode");

        final boolean singleplayer;
        final String mode;
        final String sessionToken;
        final String identityToken;
        int unknown;
        String error;
        private final Map<String, String> given = new HashMap<>();

        Options(String[] arguments) {
            boolean alone = false;
            for (int i = 0; i < arguments.length; i++) {
                int equals = arguments[i].indexOf('=');
                String name = equals < 0 ? arguments[i] : arguments[i].substring(0, equals);
                if (name.equals("--singleplayer")) {
                    alone = true;
                } else if (!WITH_VALUE.contains(name)) {
                    // Not told which: it may be a token behind a misspelt option.
                    unknown++;
                } else if (equals >= 0) {
                    given.put(name, arguments[i].substring(equals + 1));
                } else if (i + 1 < arguments.length) {
                    given.put(name, arguments[++i]);
                } else {
                    error = name + " needs a value";
                }
            }
            singleplayer = alone;
            mode = get("--auth-mode", "authenticated");
            sessionToken = get("--session-token", Asked.variable("HYTALE_SERVER_SESSION_TOKEN", null));
            identityToken = get("--identity-token", Asked.variable("HYTALE_SERVER_IDENTITY_TOKEN", null));
            if (!List.of("authenticated", "offline", "insecure").contains(mode)) {
                error = "--auth-mode is authenticated, offline or insecure";
            } else if (mode.equals("offline") && !singleplayer) {
                error = "--auth-mode offline needs --singleplayer";
            }
        }

        String get(String name, String otherwise) {
            String value = given.get(name);
            return value == null || value.isEmpty() ? otherwise : value;
        }

        String origin(String name, String token) {
            return token == null ? "none" : get(name, null) == null ? "environment" : "argument";
        }
    }

    /** What reached the server, for a test to compare with what was meant to. */
    static final class Report {
        static void write(String[] arguments, Options options) throws IOException, GeneralSecurityException {
            String path = Asked.text("REPORT", null);
            if (path == null) {
                return;
            }
            // /proc, because ProcessHandle takes ten times as long to load.
            String json = "{\"pid\": " + new File("/proc/self").getCanonicalFile().getName()
                    + ", \"argv\": " + array(List.of(arguments))
                    + ", \"environment\": " + array(System.getenv().keySet())
                    + ", \"session_token\": " + token(options.origin("--session-token", options.sessionToken), options.sessionToken)
                    + ", \"identity_token\": " + token(options.origin("--identity-token", options.identityToken), options.identityToken)
                    + "}\n";
            File half = new File(path + ".half");
            try (FileOutputStream out = new FileOutputStream(half)) {
                out.write(json.getBytes(StandardCharsets.UTF_8));
            }
            if (!half.renameTo(new File(path))) {
                throw new IOException("cannot write " + path);
            }
        }

        private static String token(String from, String token) throws GeneralSecurityException {
            return "{\"from\": " + Json.quote(from) + ", \"sha256\": " + (token == null ? "null" : Json.quote(sha256(token))) + "}";
        }

        private static String sha256(String text) throws GeneralSecurityException {
            StringBuilder hex = new StringBuilder();
            for (byte b : MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8))) {
                hex.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
            }
            return hex.toString();
        }

        private static String array(Iterable<String> texts) {
            StringBuilder json = new StringBuilder("[");
            for (String text : texts) {
                json.append(json.length() == 1 ? "" : ", ").append(Json.quote(text));
            }
            return json.append("]").toString();
        }
    }

    /** Why the server does not accept its tokens; never holds one. */
    static final class Refused extends Exception {
        Refused(String why) {
            super(why, null, false, false);
        }
    }

    /** The tokens the server was given, or has refreshed since; they live in memory only. */
    static final class Session extends Thread {
        private static final long SKEW = 300;
        private static final long REFRESH_BEFORE_EXPIRY = 300;
        private static final long REFRESH_NOT_BEFORE = 60;

        private final Service service = new Service();
        private String sessionToken;
        private Map<?, ?> identity;

        private Session() {
            super("refresh");
            setDaemon(true);
        }

        static Session open(Options options) throws Refused, IOException, GeneralSecurityException {
            Session session = new Session();
            if (options.sessionToken == null || options.identityToken == null) {
                throw new Refused("no " + (options.sessionToken == null ? "session" : "identity") + " token was given");
            }
            List<?> keys = (List<?>) session.service.call("GET", "/.well-known/jwks.json", null).get("keys");
            session.sessionToken = options.sessionToken;
            verify("session", options.sessionToken, keys);
            session.identity = verify("identity", options.identityToken, keys);
            if (!(" " + session.identity.get("scope") + " ").contains(" hytale:server ")) {
                throw new Refused("the identity token's scope lacks hytale:server");
            }
            String owner = options.get("--owner-uuid", null);
            if (owner != null && !owner.equalsIgnoreCase((String) session.identity.get("sub"))) {
                throw new Refused("the identity token is not --owner-uuid's");
            }
            log("Tokens accepted for " + session.identity.get("username"));
            return session;
        }

        private static Map<?, ?> verify(String name, String token, List<?> keys) throws Refused, GeneralSecurityException {
            int payload = token.indexOf('.') + 1;
            int signature = token.indexOf('.', payload) + 1;
            if (payload == 0 || signature == 0) {
                throw new Refused("the " + name + " token is not a JWT");
            }
            Map<?, ?> header;
            Map<?, ?> claims;
            long left;
            boolean genuine;
            try {
                header = (Map<?, ?>) Json.parse(base64(token.substring(0, payload - 1)));
                claims = (Map<?, ?>) Json.parse(base64(token.substring(payload, signature - 1)));
                left = secondsLeft(claims);
                Signature check = Signature.getInstance("Ed25519");
                check.initVerify(key((String) header.get("kid"), keys));
                check.update(token.substring(0, signature - 1).getBytes(StandardCharsets.US_ASCII));
                genuine = check.verify(Base64.getUrlDecoder().decode(token.substring(signature)));
            } catch (RuntimeException | GeneralSecurityException malformed) {
                throw new Refused("the " + name + " token or its key is malformed");
            }
            if (!genuine) {
                throw new Refused("the " + name + " token's signature is wrong");
            }
            if (!Asked.text("ISSUER", Service.OFFICIAL).equals(claims.get("iss"))) {
                throw new Refused("the " + name + " token's issuer is " + claims.get("iss"));
            }
            if (left < -SKEW) {
                throw new Refused("the " + name + " token expired " + -left + " s ago");
            }
            return claims;
        }

        private static PublicKey key(String id, List<?> keys) throws Refused, GeneralSecurityException {
            // What X.509 writes before the 32 bytes of an Ed25519 key.
            final byte[] prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
            for (Object each : keys) {
                Map<?, ?> key = (Map<?, ?>) each;
                if (id.equals(key.get("kid"))) {
                    byte[] encoded = new byte[prefix.length + 32];
                    System.arraycopy(prefix, 0, encoded, 0, prefix.length);
                    System.arraycopy(Base64.getUrlDecoder().decode((String) key.get("x")), 0, encoded, prefix.length, 32);
                    return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(encoded));
                }
            }
            throw new Refused("the session service has no key " + id);
        }

        private static String base64(String text) {
            return new String(Base64.getUrlDecoder().decode(text), StandardCharsets.UTF_8);
        }

        private static long secondsLeft(Map<?, ?> claims) {
            return ((Number) claims.get("exp")).longValue() - System.currentTimeMillis() / 1000;
        }

        void refreshInBackground() {
            start();
        }

        @Override
        public void run() {
            try {
                long wait = Asked.number("REFRESH_AFTER", untilRefresh());
                while (wait >= 0) {
                    log("Session refresh in " + wait / 1000 + " s");
                    Thread.sleep(wait);
                    refresh();
                    wait = untilRefresh();
                }
                log("No session refresh is scheduled: the identity token has " + REFRESH_BEFORE_EXPIRY + " s or less left");
            } catch (IOException | InterruptedException why) {
                log("Session refresh failed: " + why.getMessage() + "; new players cannot join");
            }
        }

        /** Milliseconds, or -1 for never: a token with five minutes or less is left to run out. */
        private synchronized long untilRefresh() {
            long seconds = secondsLeft(identity) - REFRESH_BEFORE_EXPIRY;
            return seconds <= 0 ? -1 : 1000 * Math.max(seconds, REFRESH_NOT_BEFORE);
        }

        private synchronized void refresh() throws IOException {
            Map<?, ?> answer = service.call("POST", "/game-session/refresh", sessionToken);
            try {
                String token = (String) answer.get("identityToken");
                identity = (Map<?, ?>) Json.parse(base64(token.substring(token.indexOf('.') + 1, token.lastIndexOf('.'))));
                sessionToken = (String) answer.get("sessionToken");
            } catch (RuntimeException malformed) {
                throw new IOException("the answer holds no tokens");
            }
            log("Session refreshed");
        }

        synchronized void free() {
            try {
                service.call("DELETE", "/game-session", sessionToken);
                log("Session freed");
            } catch (IOException why) {
                log("The session could not be freed: " + why.getMessage());
            }
        }

        synchronized String status() {
            return "Authenticated as " + identity.get("username") + ", with tokens from outside, for " + secondsLeft(identity) + " s";
        }
    }

    /** The session service. Its errors are told in our words, for the JDK's quote what they stumble over, tokens included. */
    static final class Service {
        static final String OFFICIAL = "https://sessions.hytale.com";

        private final String url = Asked.text("SESSIONS_URL", OFFICIAL);

        Map<?, ?> call(String method, String path, String bearer) throws IOException {
            String what = method + " " + path;
            int status;
            try {
                HttpURLConnection request = (HttpURLConnection) new URL(url + path).openConnection();
                request.setRequestMethod(method);
                request.setConnectTimeout(10_000);
                request.setReadTimeout(10_000);
                if (bearer != null) {
                    request.setRequestProperty("Authorization", "Bearer " + bearer);
                }
                if (method.equals("POST")) {
                    request.setDoOutput(true);
                    request.setFixedLengthStreamingMode(0); // also keeps the JDK from repeating a POST by itself
                    request.getOutputStream().close();
                }
                status = request.getResponseCode();
                if (status / 100 == 2) {
                    try (InputStream body = request.getInputStream()) {
                        String text = new String(body.readAllBytes(), StandardCharsets.UTF_8);
                        return text.isEmpty() ? Map.of() : (Map<?, ?>) Json.parse(text);
                    }
                }
            } catch (IOException why) {
                throw new IOException(what + " failed: " + why.getClass().getSimpleName());
            } catch (RuntimeException malformed) {
                throw new IOException(what + " failed: not JSON");
            }
            throw new IOException(what + " was answered with " + status);
        }
    }

    /** JSON as Map, List, String, Number, Boolean and null; malformed text is a RuntimeException. */
    static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        static Object parse(String text) {
            Json json = new Json(text);
            Object value = json.value();
            if (json.peek() != 0) {
                throw new IllegalArgumentException("text after the JSON");
            }
            return value;
        }

        private Object value() {
            switch (peek()) {
                case '{': {
                    Map<Object, Object> map = new HashMap<>();
                    for (at++; peek() != '}'; skip(',')) {
                        Object name = value();
                        expect(':');
                        map.put(name, value());
                    }
                    at++;
                    return map;
                }
                case '[': {
                    List<Object> list = new ArrayList<>();
                    for (at++; peek() != ']'; skip(',')) {
                        list.add(value());
                    }
                    at++;
                    return list;
                }
                case '"':
                    return string();
                default:
                    return word();
            }
        }

        private String string() {
            StringBuilder string = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                char c = text.charAt(at);
                if (c == '\\') {
                    c = text.charAt(++at);
                    if (c == 'u') {
                        c = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                        at += 4;
                    } else if ("bfnrt".indexOf(c) >= 0) {
                        c = "\b\f\n\r\t".charAt("bfnrt".indexOf(c));
                    }
                }
                string.append(c);
            }
            at++;
            return string.toString();
        }

        private Object word() {
            int start = at;
            while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            String word = text.substring(start, at);
            return switch (word) {
                case "null" -> null;
                case "true" -> Boolean.TRUE;
                case "false" -> Boolean.FALSE;
                default -> Double.valueOf(word);
            };
        }

        /** The next character that is not white space, or 0 at the end. */
        private char peek() {
            while (at < text.length() && text.charAt(at) <= ' ') {
                at++;
            }
            return at < text.length() ? text.charAt(at) : 0;
        }

        private void skip(char c) {
            if (peek() == c) {
                at++;
            }
        }

        private void expect(char c) {
            if (peek() != c) {
                throw new IllegalArgumentException("JSON without " + c + " at " + at);
            }
            at++;
        }

        static String quote(String text) {
            StringBuilder json = new StringBuilder("\"");
            for (int i = 0; i < text.length(); i++) {
                char c = text.charAt(i);
                if (c == '"' || c == '\\') {
                    json.append('\\').append(c);
                } else if (c < ' ') {
                    json.append("\\u00").append(Character.forDigit(c >> 4, 16)).append(Character.forDigit(c & 15, 16));
                } else {
                    json.append(c);
                }
            }
            return json.append('"').toString();
        }
    }
}
