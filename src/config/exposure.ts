// Who else may read or change a configuration, where that matters: it decides what runs as the daemon's user, and may hold passwords.
import { type Diagnostic, type Place, WHOLE_FILE, warningAt } from './diagnostic.ts';
import type { Given } from './directives.ts';
import type { Draft } from './parse.ts';
import { HIDDEN } from './secrets.ts';

const BY_GROUP = 0o020;
const BY_OTHERS = 0o002;
const READ_BY_OTHERS = 0o004;

/** Warnings about the file of a draft. @param mode as stat(2) tells it */
export function exposure(draft: Draft, path: string, mode: number): Diagnostic[] {
  return [...changeable(path, mode), ...readable(draft, path, mode)];
}

function changeable(path: string, mode: number): Diagnostic[] {
  if ((mode & (BY_GROUP | BY_OTHERS)) === 0) return [];
  const who = (mode & BY_OTHERS) === 0 ? "every member of this file's group" : 'every user of this machine';
  return [
    warningAt(WHOLE_FILE, `${who} may change it, and with it what runs as the daemon's user`, `chmod go-w ${path}`),
  ];
}

function readable(draft: Draft, path: string, mode: number): Diagnostic[] {
  const place = (mode & READ_BY_OTHERS) === 0 ? undefined : firstSecret(draft);
  if (place === undefined) return [];
  const hint = `chmod o= ${path}; if the daemon is not root, chgrp it first to the daemon's group (tsdirectord under systemd)`;
  return [warningAt(place, 'every user of this machine may read this secret', hint)];
}

/** The first value that is not shown. */
function firstSecret({ given, virtuals, lines }: Draft): Place | undefined {
  const places = [given, ...virtuals.map((virtual) => virtual.given)]
    .flatMap((each: Given) => Object.values(each).flat())
    .map((located) => located.place);
  return places.sort((a, b) => a.line - b.line).find(({ line }) => lines[line - 1]?.includes(HIDDEN));
}
