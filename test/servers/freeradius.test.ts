// radius against FreeRADIUS.
import { portsInUse } from './processes.ts';
import { checks, describeServer, life } from './scenario.ts';

const USER = 'freerad';

describeServer('freeradius', (site) => {
  const [port, careful, foreign] = [site.port(), site.port(), site.port()];
  const listen = (at: number, clients: string) =>
    ['ipaddr = 127.0.0.1', 'ipv6addr = ::1']
      .map((address) => `  listen {\n    type = auth\n    ${address}\n    port = ${at}\n    clients = ${clients}\n  }`)
      .join('\n');
  const users = site.file(
    'users',
    'lb Cleartext-Password := "open sesame"\nhost Cleartext-Password := "open sesame"\n\tReply-Message := "Welcome back"\n',
  );
  site.file(
    'radiusd.conf',
    `
prefix = /usr
libdir = /usr/lib/freeradius
logdir = ${site.dir}
run_dir = ${site.dir}
proxy_requests = no
thread pool {
  start_servers = 1
  max_servers = 2
}
modules {
  pap {
  }
  files {
    usersfile = ${users}
  }
}
clients ours {
  client loopback {
    ipaddr = 127.0.0.1
    secret = "our secret"
  }
  client loopback6 {
    ipv6addr = ::1
    secret = "our secret"
  }
}
clients signed {
  client loopback-signed {
    ipaddr = 127.0.0.1
    secret = "our secret"
    require_message_authenticator = yes
  }
  client loopback6-signed {
    ipv6addr = ::1
    secret = "our secret"
    require_message_authenticator = yes
  }
}
clients others {
  client other {
    ipaddr = 192.0.2.1
    secret = "our secret"
  }
}
server default {
${listen(port, 'ours')}
${listen(careful, 'signed')}
${listen(foreign, 'others')}
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
}
`,
  );
  const daemon = site.daemon({
    argv: ['/usr/sbin/freeradius', '-f', '-l', 'stdout', '-d', site.dir],
    user: USER,
    ready: async () => portsInUse().has(foreign),
  });

  const account = (user: string, password: string, secret = 'our secret') =>
    `service = radius\nprotocol = udp\nlogin = "${user}"\npasswd = "${password}"\nsecret = "${secret}"`;
  const lb = account('lb', 'open sesame');
  checks(daemon, port, [
    ['a login', lb, 'up', 'Access-Accept'],
    ['a message', account('host', 'open sesame'), 'up', 'Access-Accept: Welcome back'],
    ['a wrong password', account('lb', 'close sesame'), 'down', 'Access-Reject'],
    ['an unknown user', account('nobody', 'open sesame'), 'down', 'Access-Reject'],
    [
      'another secret',
      `${account('lb', 'open sesame', 'their secret')}\nnegotiatetimeout = 3`,
      'down',
      /^no answer within 3 s \(.*does the server know this machine as a client, and with this secret\?\)$/,
    ],
  ]);
  checks(daemon, careful, [['a server that wants a Message-Authenticator', lb, 'up', 'Access-Accept']]);
  checks(daemon, foreign, [
    [
      'a server that does not know us',
      `${lb}\nnegotiatetimeout = 1`,
      'down',
      /^no answer within 1 s \(.*does the server know this machine as a client/,
    ],
  ]);
  life(daemon, port, lb, { up: 'Access-Accept' });
});
