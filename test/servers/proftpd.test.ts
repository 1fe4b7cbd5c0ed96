// ftp against proftpd: anonymous, and a user of a password file of its own.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checks, describeServer, life } from './scenario.ts';
import { run } from './site.ts';

const PASSWORD = 'open-sesame';
const HIDDEN = `login = "watcher"\npasswd = "${PASSWORD}"`;

describeServer(
  'proftpd',
  (site) => {
    const [port, mapped] = [site.port(), site.port()];
    const files = site.directory('pub');
    site.file('pub/lbcheck.txt', 'found\n');
    site.file('pub/empty.txt', '');
    site.file('pub/large.bin', `found${'x'.repeat(3_000_000)}`);
    site.file('home/own.txt', "the user's own\n");
    const users = join(site.dir, 'users');
    site.prepare(() => {
      const hash = run(['openssl', 'passwd', '-6', PASSWORD]).trim();
      writeFileSync(users, `watcher:${hash}:65534:65534::${site.dir}/home:/bin/false\n`);
      chmodSync(users, 0o600);
    });
    const config = site.file(
      'proftpd.conf',
      `ServerType standalone
ServerName "server.test"
UseIPv6 on
SocketBindTight on
DefaultAddress 127.0.0.1 ::1
Port ${port}
User nobody
Group nogroup
PidFile ${site.dir}/pid
ScoreboardFile ${site.dir}/scoreboard
SystemLog none
TransferLog none
WtmpLog off
UseReverseDNS off
<Global>
  DelayEngine off
  UseFtpUsers off
  AuthOrder mod_auth_file.c mod_auth_unix.c
  AuthUserFile ${users}
  RequireValidShell off
  DefaultRoot ~
  <Anonymous ${files}>
    User nobody
    Group nogroup
    UserAlias anonymous nobody
    RequireValidShell off
  </Anonymous>
</Global>
<VirtualHost 127.0.0.1>
  Port ${mapped}
  MasqueradeAddress 192.0.2.1
  <Limit EPSV>
    DenyAll
  </Limit>
</VirtualHost>
`,
    );
    const proftpd = site.daemon({ argv: ['/usr/sbin/proftpd', '-n', '-c', config], ports: [port] });

    checks(proftpd, port, [
      ['anonymous', 'service = ftp', 'up', /^230 Anonymous access granted/],
      ['a file', 'service = ftp\nrequest = "lbcheck.txt"\nreceive = "^found"', 'up', '/lbcheck.txt: 6 bytes'],
      ['a large file', 'service = ftp\nrequest = "large.bin"\nreceive = "^found"', 'up', '/large.bin: more than 1 MiB'],
      ['a user', `service = ftp\n${HIDDEN}`, 'up', '230 User watcher logged in'],
      ["a user's file", `service = ftp\n${HIDDEN}\nrequest = "own.txt"\nreceive = "own"`, 'up', '/own.txt: 15 bytes'],
      [
        'another content',
        'service = ftp\nrequest = "lbcheck.txt"\nreceive = "lost"',
        'down',
        /lbcheck.txt does not match \/lost\//,
      ],
      [
        'an empty file',
        'service = ftp\nrequest = "empty.txt"\nreceive = "."',
        'down',
        '/empty.txt does not match /./ (got an empty file)',
      ],
      [
        'no such file',
        'service = ftp\nrequest = "none.txt"',
        'down',
        '550 /none.txt: No such file or directory (RETR /none.txt)',
      ],
      ['a directory', 'service = ftp\nrequest = "/"', 'down', '550 /: Not a regular file (RETR /)'],
      ['a wrong password', 'service = ftp\nlogin = "watcher"\npasswd = "open-barley"', 'down', '530 Login incorrect.'],
      ['a wrong user', `service = ftp\nlogin = "stranger"\npasswd = "${PASSWORD}"`, 'down', '530 Login incorrect.'],
    ]);
    checks(
      proftpd,
      mapped,
      [
        [
          'PASV only, with the virtual address',
          'service = ftp\nrequest = "lbcheck.txt"\nreceive = "found"',
          'up',
          '/lbcheck.txt: 6 bytes',
        ],
      ],
      ['127.0.0.1'],
    );
    life(proftpd, port, 'service = ftp\nrequest = "lbcheck.txt"\nreceive = "found"', { up: '/lbcheck.txt: 6 bytes' });
  },
  { root: true },
);
