/* A consumer as a course writes it. Nobody calls sem_init: that is the lesson. */
#include "buffer.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    int fd = shm_open(SEGMENT, O_RDWR, 0);
    if (fd < 0) {
        perror(SEGMENT);
        return 1;
    }
    Buffer *b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (b == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (;;) {
        sem_wait(&b->full);
        sem_wait(&b->mutex);
        int item = b->data[b->out];
        b->out = (b->out + 1) % SLOTS;
        printf("Consumindo: %d\n", item);
        sem_post(&b->mutex);
        sem_post(&b->empty);
        sleep(2);
    }
}
