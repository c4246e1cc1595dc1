/* Programs that are no ring: each stands alone. */
#include "shared.h"
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#define TEXT "shared\n"

/* Has the kernel load from the segment, or store to it; what it loads comes out at the other end. */
static int pass(char *word)
{
    struct iovec parts[2] = {{"from ", 5}, {word, sizeof TEXT - 1}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    char back[16];
    int ends[2], size = sizeof TEXT - 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        return 1;
    if (has("write"))
        return write(1, word, size) != size;
    if (has("pwrite"))
        return pwrite(memfd_create("odd", 0), word, size, 0) != size;
    if (has("writev"))
        return writev(1, parts, 2) != size + 5;
    if (has("fwrite"))
        return setvbuf(stdout, 0, _IONBF, 0) || fwrite(word, size, 1, stdout) != 1;
    if (has("send"))
        return send(ends[0], word, size, 0) != size || read(ends[1], back, 16) != size;
    if (has("sendmsg"))
        return sendmsg(ends[0], &message, 0) != size + 5 || read(ends[1], back, 16) != size + 5;
    if (has("readv"))
        return write(ends[0], "from shared!", 12) != 12 || readv(ends[1], parts + 1, 1) != size;
    return 0;
}

static void rings(int number)
{
    (void)number;
}

/* Asks for an alarm, or for a lock on a file; or does what is done by the same calls, and keeps nobody waiting. */
static int ask(void)
{
    struct flock lock = {.l_type = F_WRLCK};
    if (has("caught"))
        signal(SIGALRM, rings);
    if (has("alarm"))
        alarm(2);
    if (has("timer"))
        return setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 2}, 0);
    if (has("lock"))
        return fcntl(memfd_create("odd", 0), F_SETLKW, &lock);
    return fcntl(1, F_GETFL) < 0;
}

int main(int count, char **words)
{
    given = words;
    int *word = map_shared(4096);
    sem_t *semaphore = (sem_t *)(word + 64);
    sem_init(semaphore, 1, 1);
    sem_wait(semaphore);
    if (has("chance"))
        word[32] = getrandom(&count, sizeof count, 0) + count;
    if (has("pid"))
        printf("%d %d\n", word[32] = getpid(), getppid());
    memcpy(word, TEXT, sizeof TEXT);
    if (!has("pid") && !has("chance") && (ask() || pass((char *)word)))
        abort();
    sem_post(semaphore);
    return 0;
}
