/* The C allocator of this program, counted: glibc's own under its internal names, or with AddressSanitizer its hooks.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

extern _Thread_local long detect_allocations;
_Thread_local long detect_allocations;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(WITH_ASAN)
#define WITH_ASAN 1
#endif

#ifdef WITH_ASAN
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *ptr, size_t bytes)
{
    (void)ptr;
    (void)bytes;
    detect_allocations++;
}

static void on_free(const volatile void *ptr)
{
    (void)ptr;
    detect_allocations++;
}

__attribute__((constructor)) static void install(void)
{
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *ptr, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *ptr);

void *malloc(size_t bytes)
{
    detect_allocations++;
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    detect_allocations++;
    return __libc_calloc(n, bytes);
}

void *realloc(void *ptr, size_t bytes)
{
    detect_allocations++;
    return __libc_realloc(ptr, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    detect_allocations++;
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    detect_allocations++;
    void *ptr = __libc_memalign(alignment, bytes);
    if (ptr)
        *out = ptr;
    return ptr ? 0 : ENOMEM;
}

void free(void *ptr)
{
    detect_allocations++;
    __libc_free(ptr);
}
#endif
