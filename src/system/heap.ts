// How this process's heap grows. V8 takes memory to save time; a daemon that checks a few hundred times a second has the time.
import { setFlagsFromString } from 'node:v8';

/**
 * To be called early. Half the memory, for a few percent of the processor's time (bench/README.md): what is young stays within 3 MB
 * and not 48, and what is old is looked through again when it has grown by 40 %, not by up to four times.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=40');
}
