// dns against named, with a zone of its own and its reverse.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { checks, describeServer, life } from './scenario.ts';

describeServer('bind9', (site) => {
  const port = site.port();
  const data = site.directory('data');
  // AppArmor knows the program by its path, and would keep it from our directory.
  const named = join(site.dir, 'named');
  site.prepare(() => copyFileSync('/usr/sbin/named', named));
  const head = '$TTL 60\n@ IN SOA ns.example.test. root.example.test. 1 60 60 60 60\n@ IN NS ns.example.test.\n';
  const many = Array.from({ length: 90 }, (_, host) => `many IN A 10.1.1.${host + 1}`).join('\n');
  const forward = `ns IN A 127.0.0.1\nwww IN A 10.0.0.1\nwww IN A 10.0.0.2\nalias IN CNAME www\nmail IN MX 10 www\n${many}\n`;
  const zones = [
    ['example.test', forward],
    ['0.0.10.in-addr.arpa', '1 IN PTR www.example.test.\n'],
    ['8.b.d.0.1.0.0.2.ip6.arpa', `1${'.0'.repeat(23)} IN PTR six.example.test.\n`],
  ] as const;
  const zoneTexts = zones.map(
    ([name, records]) => `zone "${name}" { type primary; file "${site.file(`zones/${name}`, head + records)}"; };`,
  );
  const config = site.file(
    'named.conf',
    `options {
  directory "${data}";
  pid-file none;
  session-keyfile none;
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 port ${port} { ::1; };
  recursion no;
  dnssec-validation no;
  minimal-responses yes;
};
controls { };
${zoneTexts.join('\n')}
`,
  );
  const server = site.daemon({ argv: [named, '-g', '-n', '1', '-c', config], ports: [port] });

  for (const protocol of ['udp', 'tcp']) {
    const dns = (request: string) => `service = dns\nprotocol = ${protocol}\nrequest = "${request}"`;
    checks(server, port, [
      [`${protocol}: a name`, dns('www.example.test'), 'up', /^10\.0\.0\.[12]$/],
      [
        `${protocol}: one of its addresses`,
        `${dns('www.example.test')}\nreceive = "^10\\.0\\.0\\.2$"`,
        'up',
        '10.0.0.2',
      ],
      [`${protocol}: an alias`, `${dns('alias.example.test')}\nreceive = "^10\\.0\\.0\\.1$"`, 'up', '10.0.0.1'],
      [`${protocol}: an address`, dns('10.0.0.1'), 'up', 'www.example.test'],
      [`${protocol}: an IPv6 address`, dns('2001:db8::1'), 'up', 'six.example.test'],
      [
        `${protocol}: more than a datagram holds`,
        `${dns('many.example.test')}\nreceive = "^10\\.1\\.1\\.88$"`,
        'up',
        '10.1.1.88',
      ],
      [
        `${protocol}: another address`,
        `${dns('www.example.test')}\nreceive = "^10\\.9"`,
        'down',
        /no A record of www.example.test matches .*got 10\.0\.0/,
      ],
      [`${protocol}: no such name`, dns('none.example.test'), 'down', 'NXDOMAIN for none.example.test'],
      [`${protocol}: a name without an address`, dns('mail.example.test'), 'down', 'no A record for mail.example.test'],
      [`${protocol}: not its zone`, dns('www.example.org'), 'down', 'REFUSED for www.example.org'],
    ]);
    life(server, port, dns('www.example.test'), { up: /^10\.0\.0\.[12]$/ });
  }
});
