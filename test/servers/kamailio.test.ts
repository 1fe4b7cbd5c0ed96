// sip against kamailio, which answers OPTIONS as its script says.
import { checks, describeServer, life } from './scenario.ts';

describeServer('kamailio', (site) => {
  const port = site.port();
  const dir = site.directory('run');
  const config = site.file(
    'kamailio.cfg',
    `#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:${port}
listen=tcp:127.0.0.1:${port}
listen=udp:[::1]:${port}
listen=tcp:[::1]:${port}
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
request_route {
  if (!is_method("OPTIONS")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  if ($rU == "slow") { sl_send_reply("100", "Trying"); }
  if ($rU == "nobody") { sl_send_reply("404", "Not Found"); exit; }
  if ($rU == "busy") { sl_send_reply("503", "Service Unavailable"); exit; }
  sl_send_reply("200", "OK");
}
`,
  );
  const kamailio = site.daemon({
    argv: ['/usr/sbin/kamailio', '-DD', '-E', '-m', '8', '-M', '2', '-Y', dir, '-w', dir, '-f', config],
    ports: [port],
  });

  for (const protocol of ['udp', 'tcp']) {
    const sip = `service = sip\nprotocol = ${protocol}`;
    checks(kamailio, port, [
      [`${protocol}: OPTIONS`, sip, 'up', 'SIP/2.0 200 OK'],
      [`${protocol}: a user`, `${sip}\nlogin = "monitor@example.test"`, 'up', 'SIP/2.0 200 OK'],
      [`${protocol}: announced by 100`, `${sip}\nlogin = "slow@example.test"`, 'up', 'SIP/2.0 200 OK'],
      [`${protocol}: no such user`, `${sip}\nlogin = "nobody@example.test"`, 'down', 'SIP/2.0 404 Not Found'],
      [`${protocol}: busy`, `${sip}\nlogin = "busy@example.test"`, 'down', 'SIP/2.0 503 Service Unavailable'],
    ]);
    life(kamailio, port, sip, { up: 'SIP/2.0 200 OK' });
  }
});
