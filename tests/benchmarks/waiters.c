/* waiters NAME: the exercise's buffer, made by the first one; each waits for an item that never comes. */
#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

struct Buffer {
    int data[5];
    int in, out;
    sem_t mutex, empty, full;
};

int main(int argc, char **argv)
{
    int mine = 1, fd = argc > 1 ? shm_open(argv[1], O_RDWR | O_CREAT | O_EXCL, 0600) : -1;
    if (fd < 0) {
        mine = 0;
        fd = shm_open(argv[1], O_RDWR, 0600);
        usleep(200000);
    }
    if (fd < 0 || ftruncate(fd, sizeof(struct Buffer)) < 0)
        return 1;
    struct Buffer *buffer = mmap(0, sizeof *buffer, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (buffer == MAP_FAILED)
        return 1;
    if (mine) {
        sem_init(&buffer->mutex, 1, 1);
        sem_init(&buffer->empty, 1, 5);
        sem_init(&buffer->full, 1, 0);
    }
    for (;;)
        sem_wait(&buffer->full);
}
