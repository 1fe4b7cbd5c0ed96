// What is told of the daemon itself: its configuration, its work on the kernel's table, and whether its checks are in time.
import type { Pass } from '../observer.ts';
import { Histogram, heading, labelText, sample, single } from './metrics-text.ts';
import type { DaemonHead } from './snapshot.ts';

/** Upper bounds in seconds; ipvsadm gives up after 10 s a call. */
const PASS_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PASS_NAME = 'tsdirectord_reconcile_duration_seconds';
const ERRORS_NAME = 'tsdirectord_scrape_errors_total';

/** What is counted of the passes over the kernel's table. */
export class PassCounts {
  readonly #durations = new Histogram(PASS_SECONDS);
  #failures = 0;
  #goodAt: number | undefined;

  count({ at, durationMs, trouble }: Pass): void {
    this.#durations.observe(durationMs / 1000);
    if (trouble === undefined) this.#goodAt = at;
    else this.#failures++;
  }

  text({ trouble, configuredAt }: DaemonHead): string {
    // These metrics may be younger than the daemon: a configuration came into force with a pass.
    const goodAt = this.#goodAt ?? (trouble === undefined ? configuredAt : undefined);
    const help = 'How long passes over the table of the kernel took: read, compare, change what differs, read back.';
    return [
      heading({ name: PASS_NAME, type: 'histogram', help }),
      this.#durations.text(PASS_NAME, ''),
      single(
        {
          name: 'tsdirectord_reconcile_failures_total',
          type: 'counter',
          help: 'Passes after which the table of the kernel was not as wanted, or could not be read.',
        },
        this.#failures,
      ),
      single(
        {
          name: 'tsdirectord_reconcile_last_success_timestamp_seconds',
          type: 'gauge',
          help: 'When the last pass ended after which the table was as wanted, in seconds since 1970; there are only passes when something changes.',
        },
        goodAt && goodAt / 1000,
      ),
    ].join('');
  }
}

export interface DaemonFacts {
  readonly head: DaemonHead;
  readonly reloadFailed: boolean;
  readonly lateMs: number;
  /** By what could not be had. */
  readonly errors: Readonly<Record<string, number>>;
}

export function daemonText({ head, reloadFailed, lateMs, errors }: DaemonFacts): string {
  const { version, configuredAt, trouble } = head;
  return [
    single(
      { name: 'tsdirectord_build_info', type: 'gauge', help: 'Which program this is.' },
      1,
      labelText({ version, node: process.versions.node }),
    ),
    single(
      {
        name: 'tsdirectord_config_last_reload_successful',
        type: 'gauge',
        help: 'Whether the last reload went well (1), or failed, so that what runs is not what the file says (0).',
      },
      Number(!reloadFailed),
    ),
    single(
      {
        name: 'tsdirectord_config_last_reload_success_timestamp_seconds',
        type: 'gauge',
        help: 'When the configuration that runs was read, in seconds since 1970.',
      },
      configuredAt / 1000,
    ),
    single(
      {
        name: 'tsdirectord_kernel_table_in_order',
        type: 'gauge',
        help: 'Whether the table of the kernel was brought to what is wanted (1), or that failed and is tried again (0).',
      },
      Number(trouble === undefined),
    ),
    single(
      {
        name: 'tsdirectord_check_lateness_seconds',
        type: 'gauge',
        help: 'For how long the check that is latest has been due to start or to have ended; 0 when all are in time.',
      },
      lateMs / 1000,
    ),
    heading({
      name: ERRORS_NAME,
      type: 'counter',
      help: 'Scrapes that had to do without something: the table of the kernel, or its statistics (ipvsadm --stats).',
    }),
    ...Object.entries(errors).map(([missing, count]) => sample(ERRORS_NAME, labelText({ missing }), count)),
  ].join('');
}
