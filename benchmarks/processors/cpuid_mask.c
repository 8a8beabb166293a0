/* Hides instruction sets from a process: preloaded, it answers every CPUID with some bits cleared.

   Linux lets a thread ask for a fault at CPUID (arch_prctl ARCH_SET_CPUID; the setting goes to its threads and ends with
   exec). The handler lets the instruction through once, clears the bits, and steps over it. What runs afterwards runs
   on the processor itself, at its own speed. The variable UNMISSED_CPUID_HIDE has lines of six hexadecimal numbers: leaf,
   subleaf (ffffffff: any), and the bits of eax, ebx, ecx, edx. mask.py writes it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012 /* asm/prctl.h */
#define FAULT 0L
#define NO_FAULT 1L
#define ANY 0xffffffffu
#define MOST 16
#define CANNOT 77 /* exit code that mask.py knows */

struct rule {
  unsigned leaf, subleaf, hidden[4]; /* eax, ebx, ecx, edx */
};

static struct rule rules[MOST];
static int count;

static void execute(unsigned leaf, unsigned subleaf, unsigned *registers) {
  __asm__ volatile("cpuid"
                   : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
                   : "a"(leaf), "c"(subleaf));
}

/* What a program in this process is told; worker.py asks it for the sets that numpy does not name. */
void unmissed_cpuid(unsigned leaf, unsigned subleaf, unsigned *registers) { execute(leaf, subleaf, registers); }

static void on_fault(int number, siginfo_t *about, void *context) {
  greg_t *thread = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)thread[REG_RIP];
  unsigned leaf = (unsigned)thread[REG_RAX], subleaf = (unsigned)thread[REG_RCX], registers[4];
  /* The kernel raises this fault itself; one at an address is a crash, and happens again without us. */
  if (about->si_code != SI_KERNEL || code[0] != 0x0f || code[1] != 0xa2) {
    signal(number, SIG_DFL);
    return;
  }
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, NO_FAULT);
  execute(leaf, subleaf, registers);
  syscall(SYS_arch_prctl, ARCH_SET_CPUID, FAULT);
  for (int i = 0; i < count; i++)
    if (rules[i].leaf == leaf && (rules[i].subleaf == ANY || rules[i].subleaf == subleaf))
      for (int k = 0; k < 4; k++) registers[k] &= ~rules[i].hidden[k];
  thread[REG_RAX] = registers[0];
  thread[REG_RBX] = registers[1];
  thread[REG_RCX] = registers[2];
  thread[REG_RDX] = registers[3];
  thread[REG_RIP] += 2;
}

__attribute__((constructor)) static void start(void) {
  const char *text = getenv("UNMISSED_CPUID_HIDE");
  struct sigaction action;
  int length;
  if (text == NULL) return;
  for (; count < MOST; count++, text += length) {
    struct rule *rule = &rules[count];
    if (sscanf(text, "%x %x %x %x %x %x%n", &rule->leaf, &rule->subleaf, &rule->hidden[0], &rule->hidden[1],
               &rule->hidden[2], &rule->hidden[3], &length) != 6)
      break;
  }
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  if (sigaction(SIGSEGV, &action, NULL) || syscall(SYS_arch_prctl, ARCH_SET_CPUID, FAULT)) {
    fputs("this kernel or processor cannot fault at CPUID\n", stderr);
    _exit(CANNOT);
  }
}
