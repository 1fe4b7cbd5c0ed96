// plan: the edits that a start would make to the kernel's table as it is now, as commands with their reasons; none is made.
import type { HeldDown } from '../ipvs/desired.ts';
import { type Outlook, outlook } from '../ipvs/outlook.ts';
import { load } from '../load.ts';
import { Maintenance } from '../maintenance.ts';
import { peek, statePath } from '../operator/state.ts';
import { accepted } from '../run.ts';
import { readOwner } from '../system/pid-owner.ts';
import { reverseLookup } from '../system/reverse-lookup.ts';
import { type Call, configPath, err, kernelOf, print, WARNINGS_ONLY } from './call.ts';

const NOTHING_TO_DO = 0;
const SOMETHING_TO_DO = 10;
/** Where comments begin at the latest, when commands are long. */
const MAX_COMMENT_COLUMN = 70;

/** Resolves with 0 when there is nothing to do, 10 when there is. Throws UsageError for a wrong configuration, IpvsError for an unreadable table. */
export async function plan(call: Call): Promise<number> {
  const path = configPath(call);
  const config = await accepted(await load(path, undefined, false), err, { color: process.stderr.isTTY === true });
  const kernel = await kernelOf(call);
  const [table, owner] = await Promise.all([kernel.read({ thresholds: true }), readOwner(call.pidFile)]);
  // Who is in maintenance stands in the plan itself.
  const maintenance = new Maintenance({ reverse: reverseLookup, log: () => WARNINGS_ONLY, onChange: () => {} });
  await maintenance.follow(config);
  const { overrides, ownServices } = await peek(statePath(call.pidFile, call.flags.ipvs));
  const heldDown: HeldDown = (virtual, real) =>
    maintenance.holdsDown(virtual, real) ?? overrides.holdsDown(virtual, real);
  // What a daemon that runs has in the table it removes itself.
  const left = owner.state === 'running' ? new Set<string>() : ownServices;
  const found = outlook(config, table, heldDown, overrides.overrideOf, left);
  maintenance.close();
  const running = owner.state === 'running' ? owner.pid : undefined;
  await print(`${[...heading(path, running, call.flags.ipvs), ...body(found)].join('\n')}\n`);
  return found.steps.length === 0 ? NOTHING_TO_DO : SOMETHING_TO_DO;
}

function heading(path: string, running: number | undefined, ipvs: 'kernel' | 'memory'): string[] {
  const table = ipvs === 'memory' ? 'an empty table' : "the kernel's table as it is now";
  const said = `# What a start with ${path} would change in ${table}; nothing was changed.`;
  if (running === undefined) return [said];
  return [
    `# A daemon runs (pid ${running}) whose checks know better which servers are up; its reload also removes virtual services that the file no longer names.`,
    said,
  ];
}

function body({ steps, later }: Outlook): string[] {
  const width = Math.min(MAX_COMMENT_COLUMN, Math.max(0, ...steps.map(({ command }) => command.length)));
  return [
    ...steps.map(({ command, reason }) => `${command.padEnd(width)}  # ${reason}`),
    ...later.map((server) => `# ${server}: not checked yet, comes in after its first good check`),
    ...(steps.length === 0 ? ['# Nothing to do.'] : []),
  ];
}
