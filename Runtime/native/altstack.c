// CoreCLR's handler for SIGSEGV (a null reference, say) begins on an alternate stack of 16 KB, of which 10 and a guard page are
// gone when ours comes on top. Our frame, 3.4 KB with AVX-512, then does not fit, and the kernel kills a process whose signal frame
// does not fit. So the threads that we signal get a larger one of the same shape, a guard page in front: CoreCLR unmaps at
// the thread's end whatever it finds there. Rejected: blocking our signal while that handler runs. CoreCLR leaves the handler
// without sigreturn and unblocks only its own signal; ours stayed blocked for good.

#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preempt.h"

// Of the calling thread. 0: there is no room for our frame, and the thread must not be signalled.
int ilp_enlarge_alternate_stack(void)
{
    const size_t size = 128 * 1024;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    stack_t old, new;
    if (sigaltstack(NULL, &old) != 0 || (old.ss_flags & SS_ONSTACK)) {
        return 0;
    }
    if ((old.ss_flags & SS_DISABLE) || old.ss_size >= size) {
        return 1;
    }
    new.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    new.ss_size = size;
    new.ss_flags = 0;
    if (new.ss_sp == MAP_FAILED) {
        return 0;
    }
    if (mprotect(new.ss_sp, page, PROT_NONE) != 0 || sigaltstack(&new, NULL) != 0) {
        munmap(new.ss_sp, size);
        return 0;
    }
    // CoreCLR's own has that guard page: the kernel can't read a signal set from it. Anybody else's is left alone.
    int aligned = ((uintptr_t)old.ss_sp | old.ss_size) % page == 0;
    if (aligned && syscall(SYS_rt_sigprocmask, -1, old.ss_sp, NULL, 8) != 0 && errno == EFAULT) {
        munmap(old.ss_sp, old.ss_size);
    }
    return 1;
}
