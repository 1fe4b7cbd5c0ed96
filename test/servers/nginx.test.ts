// http and https against nginx; simpletcp, too.
import { checks, describeServer, life } from './scenario.ts';
import { tlsRows } from './tls-rows.ts';

describeServer('nginx', (site) => {
  const [plain, secure] = [site.port(), site.port()];
  const tls = site.certificates();
  site.file('www/lbcheck.html', 'found\n');
  site.file(
    'www/large.html',
    `${'<p>A line of a page that is large enough to be compressed.</p>\n'.repeat(2_000)}found\n`,
  );
  const config = site.file(
    'nginx.conf',
    `daemon off;
error_log stderr;
pid ${site.dir}/nginx.pid;
worker_processes 1;
events { }
http {
  access_log off;
  gzip on;
  ${['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind === 'body' ? 'client_body' : kind}_temp_path ${site.dir}/tmp-${kind};`).join(' ')}
  root ${site.dir}/www;
  ssl_certificate ${tls.certificate};
  ssl_certificate_key ${tls.key};
  server {
    listen 127.0.0.1:${plain};
    listen [::1]:${plain};
    listen 127.0.0.1:${secure} ssl http2;
    listen [::1]:${secure} ssl http2;
    location = /moved { return 302 /lbcheck.html; }
    location = /away { return 302 http://other.test/; }
    location = /broken { return 503; }
    location = /closed { return 444; }
  }
  server {
    server_name other.test;
    listen 127.0.0.1:${plain};
    listen [::1]:${plain};
    return 200 "the other one";
  }
}
`,
  );
  const nginx = site.daemon({ argv: ['/usr/sbin/nginx', '-e', 'stderr', '-c', config], ports: [plain, secure] });

  const page = 'request = "lbcheck.html"\nreceive = "found"';
  checks(nginx, plain, [
    ['a page', `service = http\n${page}`, 'up', 'HTTP 200 OK'],
    ['a large page', 'service = http\nrequest = "large.html"\nreceive = "found"', 'up', 'HTTP 200 OK'],
    ['HEAD', 'service = http\nrequest = "lbcheck.html"\nhttpmethod = HEAD', 'up', 'HTTP 200 OK'],
    ['a virtual host', 'service = http\nvirtualhost = other.test\nreceive = "^the other one$"', 'up', 'HTTP 200 OK'],
    ['a redirect', 'service = http\nrequest = "moved"\nreceive = "found"', 'up', 'HTTP 200 OK'],
    [
      'another content',
      'service = http\nrequest = "lbcheck.html"\nreceive = "lost"',
      'down',
      'body does not match /lost/ (got 6 bytes: "found\\n")',
    ],
    ['no such page', 'service = http\nrequest = "none.html"', 'down', 'HTTP 404 Not Found'],
    ['an error', 'service = http\nrequest = "broken"', 'down', 'HTTP 503 Service Temporarily Unavailable'],
    ['hung up on', 'service = http\nrequest = "closed"', 'down', 'connection closed without an answer'],
    [
      'HTTP as a text',
      'service = simpletcp\nrequest = "GET /lbcheck.html HTTP/1.0\\n\\n"\nreceive = "^found"',
      'up',
      'got "found\\n"',
    ],
    [
      'HTTP as a text, another answer',
      'service = simpletcp\nrequest = "GET /none.html HTTP/1.0\\n\\n"\nreceive = "^found"',
      'down',
      /^no line matches \/\^found\/ \(got \d+ bytes: "HTTP\/1\.1 404 Not Found/,
    ],
    ['no TLS here', `service = https\n${page}`, 'down', 'the port does not speak TLS'],
  ]);
  checks(nginx, secure, [
    ...tlsRows(tls, `service = https\n${page}`, 'HTTP 200 OK'),
    [
      'a verified certificate, by the name of the virtual host',
      `service = https\n${page}\nsslverify = "${tls.authority}"\nvirtualhost = server.test`,
      'up',
      'HTTP 200 OK',
    ],
    [
      'a certificate for another virtual host',
      `service = https\n${page}\nsslverify = "${tls.authority}"\nvirtualhost = other.test`,
      'down',
      'certificate is not for other.test (it names DNS:server.test)',
    ],
    ['plain HTTP where TLS is spoken', `service = http\n${page}`, 'down', 'HTTP 400 Bad Request'],
  ]);
  life(nginx, plain, `service = http\n${page}`, { up: 'HTTP 200 OK' });
  life(nginx, secure, `service = https\n${page}`, { up: 'HTTP 200 OK' });
});
