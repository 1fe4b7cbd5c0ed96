// What a core dump of this process holds: its registers, and nothing of its memory, where the configuration's passwords are.
import { writeFileSync } from 'node:fs';

/** Holds for this process and for all that it starts. Does nothing where the kernel has no such setting (see core(5)). */
export function leaveMemoryOutOfCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // A kernel without core dumps.
  }
}
