// redis against redis-server: open, behind a password, and with users; simpletcp, too.
import { checks, describeServer, life } from './scenario.ts';

describeServer('redis', (site) => {
  const users = [
    'user default on >open-sesame ~* &* +@all',
    'user watcher on >only-looks ~lb:* resetchannels -@all +ping +get +select',
    'user nothing on nopass -@all',
  ];
  const acl = site.file('users.acl', `${users.join('\n')}\n`);
  const server = (port: number, ...more: string[]) => {
    const dir = site.directory(`data-${port}`);
    const argv = ['--bind', '127.0.0.1', '::1', '--port', `${port}`, '--dir', dir, '--save', '', '--appendonly', 'no'];
    return site.daemon({ argv: ['/usr/bin/redis-server', ...argv, '--daemonize', 'no', ...more], ports: [port] });
  };
  const [open, locked] = [site.port(), site.port()];
  const plain = server(open);
  const guarded = server(locked, '--aclfile', acl);

  checks(plain, open, [
    ['PING', 'service = redis', 'up', '"PONG"'],
    [
      'another answer to PING',
      'service = redis\nreceive = "PANG"',
      'down',
      'answer to PING does not match /PANG/: got "PONG"',
    ],
    ['a value, in a database', 'service = redis\nrequest = "DBSIZE"\ndatabase = "3"\nreceive = "^0$"', 'up', '"0"'],
    [
      'a part of INFO',
      'service = redis\nrequest = "INFO replication"\nreceive = "role:master"',
      'up',
      /^"# Replication/,
    ],
    ['no such key', 'service = redis\nrequest = "GET lb:none"', 'down', 'the answer to GET lb:none is nil'],
    ['no such command', 'service = redis\nrequest = "FLY away"', 'down', /^ERR unknown command 'FLY'/],
    ['no such database', 'service = redis\ndatabase = "4711"', 'down', 'ERR DB index is out of range'],
    [
      'a password where none is needed',
      'service = redis\npasswd = "open-sesame"',
      'down',
      /^ERR AUTH .* without any password/,
    ],
  ]);
  checks(plain, open, [
    ['a text', 'service = simpletcp\nrequest = "PING\\n"\nreceive = "^\\+PONG"', 'up', 'got "+PONG\\r\\n"'],
    [
      'a text, another answer',
      'service = simpletcp\nrequest = "PING\\n"\nreceive = "^-ERR"',
      'down',
      /^no line matches \/\^-ERR\//,
    ],
  ]);
  checks(guarded, locked, [
    ['the password', 'service = redis\npasswd = "open-sesame"', 'up', '"PONG"'],
    ['no password', 'service = redis', 'down', /^NOAUTH/],
    ['a wrong password', 'service = redis\npasswd = "open-barley"', 'down', /^WRONGPASS/],
    ['a user', 'service = redis\nlogin = "watcher"\npasswd = "only-looks"', 'up', '"PONG"'],
    ['a wrong user', 'service = redis\nlogin = "nobody"\npasswd = "only-looks"', 'down', /^WRONGPASS/],
    [
      'a command that the user may not',
      'service = redis\nlogin = "watcher"\npasswd = "only-looks"\nrequest = "DBSIZE"',
      'down',
      /^NOPERM/,
    ],
  ]);
  life(plain, open, 'service = redis', { up: '"PONG"' });
  life(plain, open, 'service = simpletcp\nrequest = "PING\\n"\nreceive = "PONG"', { up: 'got "+PONG\\r\\n"' });
  life(guarded, locked, 'service = redis\nlogin = "watcher"\npasswd = "only-looks"', { up: '"PONG"' });
});
