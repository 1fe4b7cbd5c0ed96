// What programs that we run get of our environment: where things are, whose they are, and in which language. The rest says how *this*
// process is to be run (NODE_OPTIONS, LD_PRELOAD), speaks for it (NOTIFY_SOCKET), or is a secret of whoever started us.

const KEPT = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TMPDIR', 'TZ', 'LANG', 'LANGUAGE']);

/** The environment for a program that is not ours: what is listed in the README, and nothing else. */
export function environmentForOthers(own: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(own).filter(([name]) => KEPT.has(name) || name.startsWith('LC_')));
}
