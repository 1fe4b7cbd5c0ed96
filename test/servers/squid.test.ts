// http_proxy against squid, through which pages of nginx are asked for.
import { checks, describeServer, life } from './scenario.ts';

describeServer('squid', (site) => {
  const [web, proxy, closed] = [site.port(), site.port(), site.port()];
  const pid = `pid ${site.dir}/nginx.pid;`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${site.dir}/${kind};`,
  );
  const nginxConfig = site.file(
    'nginx.conf',
    `daemon off; error_log stderr; ${pid} events { }
http {
  access_log off;
  ${temporary.join(' ')}
  server { listen 127.0.0.1:${web}; location = /lbcheck.html { return 200 "found through $http_via"; } }
}
`,
  );
  site.daemon({ argv: ['/usr/sbin/nginx', '-e', 'stderr', '-c', nginxConfig], ports: [web] });

  const dir = site.directory('squid', { user: 'proxy' });
  const squidConfig = site.file(
    'squid.conf',
    `http_port 127.0.0.1:${proxy}
http_port [::1]:${proxy}
visible_hostname proxy.test
pid_filename none
coredump_dir ${dir}
cache_log /dev/null
cache_store_log none
access_log none
netdb_filename none
pinger_enable off
dns_nameservers 127.0.0.1
udp_outgoing_address 127.0.0.1
cache deny all
cache_mem 8 MB
shutdown_lifetime 0 seconds
acl secret urlpath_regex ^/secret
http_access deny secret
http_access allow localhost
http_access deny all
`,
  );
  const squid = site.daemon({
    argv: ['/usr/sbin/squid', '-N', '-d', '1', '-n', `t${proxy}`, '-f', squidConfig],
    user: 'proxy',
    ports: [proxy],
  });

  const page = `http://127.0.0.1:${web}/lbcheck.html`;
  const throughProxy = `service = http_proxy\nrequest = "${page}"\nreceive = "found through 1.1 proxy[.]test"`;
  checks(squid, proxy, [
    ['a page through the proxy', throughProxy, 'up', 'HTTP 200 OK'],
    [
      'another content',
      `service = http_proxy\nrequest = "${page}"\nreceive = "lost"`,
      'down',
      /^body does not match .lost. \(got \d+ bytes: "found through/,
    ],
    ['no such page', `service = http_proxy\nrequest = "http://127.0.0.1:${web}/none"`, 'down', 'HTTP 404 Not Found'],
    [
      'a page that the proxy refuses',
      `service = http_proxy\nrequest = "http://127.0.0.1:${web}/secret"`,
      'down',
      'HTTP 403 Forbidden',
    ],
    [
      'no server behind the proxy',
      `service = http_proxy\nrequest = "http://127.0.0.1:${closed}/"`,
      'down',
      'HTTP 503 Service Unavailable',
    ],
    ['no proxy asked', `service = http\nrequest = "lbcheck.html"\nreceive = "found"`, 'down', 'HTTP 400 Bad Request'],
  ]);
  life(squid, proxy, throughProxy, { up: 'HTTP 200 OK' });
});
