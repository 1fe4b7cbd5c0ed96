// A daemon's facts as the metrics ask for them, under the hand of a test.
import type { Config, Real, Virtual } from '../../src/config/model.ts';
import { type Health, unknownHealth } from '../../src/health/health.ts';
import { memberKey, serverName } from '../../src/ipvs/desired.ts';
import type { Listed, Listing } from '../../src/ipvs/save-format.ts';
import { listingKey } from '../../src/ipvs/save-format.ts';
import type { ServerStatistics } from '../../src/ipvs/stats-format.ts';
import type { MetricsSource } from '../../src/status/metrics.ts';
import type { DaemonHead, Facts, LastCheck } from '../../src/status/snapshot.ts';
import { VirtualView } from '../../src/status/view.ts';

export class FakeSource implements MetricsSource {
  config: Config;
  trouble: string | undefined;
  failed = false;
  late = 0;
  /** How often the kernel was asked. */
  asked = 0;
  readonly health = new Map<string, Health>();
  readonly lastChecks = new Map<string, LastCheck>();
  readonly held = new Map<string, string>();
  table: Listing | undefined = new Map();
  counted: () => Promise<Iterable<ServerStatistics> | undefined> = async () => undefined;

  constructor(config: Config) {
    this.config = config;
  }

  head(): DaemonHead {
    const trouble = this.trouble === undefined ? {} : { trouble: this.trouble };
    const times = { startedAt: 1_700_000_000_000, configuredAt: 1_700_000_100_500 };
    return { version: '1.2.3', pid: 7, path: '/etc/ha.d/ldirectord.cf', state: 'running', ...times, ...trouble };
  }

  virtuals = (): readonly Virtual[] => this.config.virtuals;
  lateMs = (): number => this.late;
  reloadFailed = (): boolean => this.failed;
  listing = async (): Promise<Listing | undefined> => this.table;

  statistics(): Promise<Iterable<ServerStatistics> | undefined> {
    this.asked++;
    return this.counted();
  }

  viewOf(virtual: Virtual, listing: Listing | undefined): VirtualView {
    const heldDown = (of: Virtual, real: Real) => this.held.get(memberKey(of, real));
    const healthOf = (of: Virtual, real: Real) => this.health.get(memberKey(of, real)) ?? unknownHealth(0);
    const facts: Facts = {
      ...{ config: this.config, healthOf, heldDown, overrideOf: () => undefined },
      lastCheckOf: (of, real) => this.lastChecks.get(memberKey(of, real)),
      stateOf: (of, real) => (heldDown(of, real) === undefined ? healthOf(of, real).state : 'down'),
    };
    return new VirtualView(virtual, facts, listing);
  }

  /** What a kernel lists of these servers, all alike. */
  list(listed: Listed): void {
    const serversOf = ({ reals, ...virtual }: Virtual) =>
      new Map(reals.map((real) => [serverName({ ...virtual, reals }, real), listed]));
    this.table = new Map(this.config.virtuals.map((virtual) => [listingKey(virtual), serversOf(virtual)]));
  }
}
