// nntp against INN's reader daemon, nnrpd.
import type { Daemon } from './daemon.ts';
import { portsInUse } from './processes.ts';
import { checks, describeServer, life } from './scenario.ts';
import { run } from './site.ts';

const USER = 'news';
const PROGRAMS = '/usr/lib/news/bin';

describeServer(
  'inn2',
  (site) => {
    /** @param access which clients may do what */
    const server = (name: string, access: string): { port: number; daemon: Daemon } => {
      const port = site.port();
      const directory = (part: string) => site.directory(`${name}/${part}`, { user: USER });
      site.file(`${name}/storage.conf`, 'method trash {\n  class: 1\n  newsgroups: *\n}\n');
      site.file(`${name}/readers.conf`, access);
      const config = site.file(
        `${name}/inn.conf`,
        `
domain: server.test
fqdn: news.server.test
pathhost: news.server.test
mta: /bin/true
hismethod: hisv6
enableoverview: true
ovmethod: tradindexed
pathnews: /usr/lib/news
pathetc: ${site.dir}/${name}
pathdb: ${directory('db')}
pathrun: ${directory('run')}
pathlog: ${directory('log')}
pathtmp: ${directory('tmp')}
pathspool: ${directory('spool')}
pathoverview: ${directory('spool/overview')}
`,
      );
      site.file(`${name}/db/active`, 'junk 0000000000 0000000001 y\n');
      site.file(`${name}/db/newsgroups`, '');
      const env = { INNCONF: config };
      site.prepare(() => void run([`${PROGRAMS}/makehistory`, '-O', '-x', '-F'], { user: USER, env }));
      // One process listens on one address. IPv6 first: then the port is in use when that answers, and only then.
      const nnrpd = (...address: string[]) => [`${PROGRAMS}/nnrpd`, '-D', '-f', '-p', `${port}`, ...address];
      site.daemon({ argv: nnrpd('-6', '::1'), user: USER, env, ready: async () => portsInUse().has(port) });
      const daemon = site.daemon({ argv: nnrpd('-4', '127.0.0.1'), user: USER, env, ports: [port] });
      return { port, daemon };
    };
    const access = (rights: string) =>
      `auth all {\n  default: "<reader>"\n}\naccess all {\n  users: "<reader>"\n  newsgroups: *\n  access: ${rights}\n}\n`;

    const posting = server('posting', access('RP'));
    const reading = server('reading', access('R'));
    const closed = server('closed', 'auth nobody {\n  hosts: "192.0.2.1"\n  default: "<reader>"\n}\n');

    const greeting = /^200 news\.server\.test InterNetNews .* \(posting ok\)$/;
    checks(posting.daemon, posting.port, [['reading and posting', 'service = nntp', 'up', greeting]]);
    checks(reading.daemon, reading.port, [
      ['reading only', 'service = nntp', 'up', /^201 news\.server\.test InterNetNews .* \(no posting\)$/],
    ]);
    checks(closed.daemon, closed.port, [
      ['no access', 'service = nntp', 'down', '502 You have no permission to talk.  Goodbye!'],
    ]);
    life(posting.daemon, posting.port, 'service = nntp', { up: greeting });
  },
  { root: true },
);
