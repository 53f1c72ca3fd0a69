/* The command `sidecar` of the image: answers `sidecar probe live` by itself, and starts Python for everything else.
 *
 * The kubelet runs the liveness probe of every Pod again and again, and the start of an interpreter costs more than
 * an idle sidecar. Only the usual answer of a healthy sidecar is given here. In any other case Python asks again and
 * explains. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Short, and ends with `sidecar`, so that ps(1) shows `sidecar run` on a terminal with 80 columns. */
static const char PROGRAM[] = "/opt/sidecar/lib/sidecar";
static const char REQUEST[] = "GET /livez HTTP/1.0\r\n\r\n";
enum { TIMEOUT_S = 3, MAX_REPLY_BYTES = 4096 };

/* The same checks as in sidecar/admin/client.py: a socket of this user or of root, with such a process at the other end. */
static bool may_trust(uid_t uid) { return uid == 0 || uid == geteuid(); }

static bool find_socket(struct sockaddr_un *address) {
    const char *directory = getenv("SIDECAR_STATE_DIR");
    if (directory == NULL || *directory == '\0') {
        directory = "/var/lib/sidecar";
        if (access(directory, W_OK | X_OK) != 0) return false;
    }
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s/sidecar.sock", directory);
    struct stat status;
    return directory[0] == '/' && length > 0 && (size_t)length < sizeof address->sun_path &&
           lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode) && may_trust(status.st_uid);
}

static bool is_trusted_peer(int connection) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && may_trust(peer.uid);
}

static bool answers_ok(int connection) {
    if (send(connection, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof REQUEST - 1)) return false;
    char reply[MAX_REPLY_BYTES + 1];
    size_t length = 0;
    ssize_t count;
    while (length < MAX_REPLY_BYTES && (count = recv(connection, reply + length, MAX_REPLY_BYTES - length, 0)) != 0) {
        if (count < 0) return false;
        length += (size_t)count;
    }
    reply[length] = '\0';
    return strncmp(reply, "HTTP/1.", 7) == 0 && strncmp(reply + 8, " 200 ", 5) == 0 &&
           strstr(reply, "\r\n\r\n{\"text\": \"ok\"}") != NULL;
}

static bool is_live(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    /* As root, Python first becomes the owner of the state. */
    if (geteuid() == 0 || !find_socket(&address)) return false;
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) return false;
    bool is_ok = setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
                 setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
                 connect(connection, (const struct sockaddr *)&address, sizeof address) == 0 &&
                 is_trusted_peer(connection) && answers_ok(connection);
    close(connection);
    return is_ok;
}

int main(int count, char **arguments) {
    if (count == 3 && strcmp(arguments[1], "probe") == 0 && strcmp(arguments[2], "live") == 0 && is_live()) {
        return puts("ok") < 0;
    }
    execv(PROGRAM, arguments);
    perror(PROGRAM);
    return 127;
}
