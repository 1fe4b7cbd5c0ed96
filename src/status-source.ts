// What the status page and the control socket are told: a running daemon, its history and the operator's orders seen as one source.
import type { Config } from './config/model.ts';
import { membersNamed } from './operator/commands.ts';
import type { State } from './operator/state.ts';
import type { DaemonHead, Facts } from './status/snapshot.ts';
import { VirtualView } from './status/view.ts';
import type { WebSource } from './status/web/web.ts';

/** What is asked of the daemon. */
interface Asked extends Pick<WebSource, 'listing' | 'statistics' | 'stuck'> {
  readonly config: Config;
  readonly lateMs: number;
  facts(): Facts;
}

export interface StatusSourceParts {
  readonly daemon: Asked;
  readonly head: () => DaemonHead;
  readonly state: Pick<State, 'history'>;
  readonly order: WebSource['order'];
  /** Whether the last reload failed. */
  readonly reloadFailed: () => boolean;
}

export function statusSource({ daemon, head, state, order, reloadFailed }: StatusSourceParts): WebSource {
  return {
    head,
    virtuals: () => daemon.config.virtuals,
    viewOf: (virtual, listing) => new VirtualView(virtual, daemon.facts(), listing),
    listing: () => daemon.listing(),
    lastCheckOf: (virtual, real) => daemon.facts().lastCheckOf(virtual, real),
    transitionsOf: (virtual, real) => state.history.of({ virtual, real }),
    stuck: () => daemon.stuck(),
    find: (request) => void membersNamed(daemon.config, request),
    order,
    statistics: () => daemon.statistics(),
    lateMs: () => daemon.lateMs,
    reloadFailed,
  };
}
