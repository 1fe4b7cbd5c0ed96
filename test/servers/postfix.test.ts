// smtp, submission and STARTTLS against Postfix.
import { describe } from 'vitest';
import { checks, describeServer, life } from './scenario.ts';
import { run } from './site.ts';
import { tlsRows, verified } from './tls-rows.ts';

describeServer(
  'postfix',
  (site) => {
    const [smtp, submission, plain, closing] = [site.port(), site.port(), site.port(), site.port()];
    const tls = site.certificates();
    const dir = site.directory('etc');
    site.file(
      'etc/main.cf',
      `
compatibility_level = 3.6
queue_directory = ${site.directory('queue')}
data_directory = ${site.directory('data', { user: 'postfix' })}
myhostname = mail.server.test
mydestination =
inet_protocols = all
inet_interfaces = loopback-only
alias_maps =
alias_database =
maillog_file = ${site.dir}/mail.log
maillog_file_prefixes = ${site.dir}
smtpd_tls_cert_file = ${tls.certificate}
smtpd_tls_key_file = ${tls.key}
smtpd_tls_security_level = may
`,
    );
    const listen = (port: number, options = '') =>
      ['127.0.0.1', '[::1]'].map((host) => `${host}:${port} inet n - n - - smtpd ${options}`).join('\n');
    site.file(
      'etc/master.cf',
      `
${listen(smtp)}
${listen(submission, '-o smtpd_tls_security_level=encrypt')}
${listen(plain, '-o smtpd_tls_security_level=none')}
${listen(closing, '-o smtpd_client_restrictions=reject -o smtpd_delay_reject=no')}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
tlsmgr unix - - n - 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
`,
    );
    // Makes the directories of the queue.
    site.prepare(() => void run(['/usr/sbin/postfix', '-c', dir, 'check']));
    const daemon = site.daemon({
      argv: ['/usr/lib/postfix/sbin/master', '-c', dir, '-d'],
      ports: [smtp, submission, plain, closing],
    });

    const greeting = '220 mail.server.test ESMTP Postfix';
    describe('smtp', () => {
      checks(daemon, smtp, [['a greeting', 'service = smtp', 'up', greeting]]);
      checks(daemon, plain, [
        ['a greeting, no STARTTLS', 'service = smtp', 'up', greeting],
        ['no STARTTLS', 'service = smtp\nstarttls = yes', 'down', 'the server does not offer STARTTLS'],
      ]);
      checks(daemon, closing, [
        [
          'a server that refuses us',
          'service = smtp',
          'down',
          /^554 5\.7\.1 <.*>: Client host rejected: Access denied$/,
        ],
      ]);
      life(daemon, smtp, 'service = smtp', { up: greeting });
    });
    describe('smtp with STARTTLS', () => {
      checks(daemon, smtp, tlsRows(tls, 'service = smtp\nstarttls = yes', greeting));
    });
    describe('submission', () => {
      checks(daemon, submission, [['a greeting', 'service = submission', 'up', greeting]]);
      checks(daemon, submission, tlsRows(tls, 'service = submission\nstarttls = yes', greeting));
      life(daemon, submission, `service = submission\nstarttls = yes\n${verified(tls)}`, { up: greeting });
    });
  },
  { root: true },
);
