// imap, imaps, pop, pops and STARTTLS against Dovecot.
import { describe, expect, test } from 'vitest';
import { check } from '../checks/listeners.ts';
import { checks, describeServer, life, planOf, type Row } from './scenario.ts';
import { tlsRows, verified } from './tls-rows.ts';

/** IMAP has to send such a password as a literal. */
const PASSWORD = 'Sésame, öffne dich';

describeServer(
  'dovecot',
  (site) => {
    const imap = site.port();
    const imaps = site.port();
    const pop = site.port();
    const pops = site.port();
    const tls = site.certificates();
    const mail = site.directory('mail', { user: 'nobody' });
    const users = site.file('users', `lb:{PLAIN}${PASSWORD}\n`);
    const config = site.file(
      'dovecot.conf',
      `
base_dir = ${site.directory('run')}
state_dir = ${site.directory('state')}
log_path = /dev/stderr
protocols = imap pop3
listen = 127.0.0.1, 127.0.0.2, ::1
ssl = yes
ssl_cert = <${tls.certificate}
ssl_key = <${tls.key}
disable_plaintext_auth = yes
first_valid_uid = 1
mail_location = maildir:${mail}/%u
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${mail}/%u
}
# Otherwise an address that has given wrong passwords waits for seconds.
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = ${imaps}
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${pop}
  }
  inet_listener pop3s {
    port = ${pops}
    ssl = yes
  }
}
`,
    );
    const daemon = site.daemon({ argv: ['/usr/sbin/dovecot', '-F', '-c', config], ports: [imap, imaps, pop, pops] });

    const login = `login = "lb"\npasswd = "${PASSWORD}"`;
    const wrong = 'login = "lb"\npasswd = "open sesame"';
    const imapAnswers = {
      up: 'OK Logged in',
      greeting: 'OK Dovecot (Debian) ready.',
      refused: 'login refused: NO [AUTHENTICATIONFAILED] Authentication failed.',
    };
    const popAnswers = {
      up: '+OK Logged in.',
      greeting: '+OK Dovecot (Debian) ready.',
      refused: 'login refused: -ERR [AUTH] Authentication failed.',
    };

    /** What a service does over TLS, however that begins. */
    const overTls = (service: string, answers: typeof imapAnswers): Row[] => [
      ['a greeting', service, 'up', answers.greeting],
      ['a wrong password', `${service}\n${wrong}`, 'down', answers.refused],
      ...tlsRows(tls, `${service}\n${login}`, answers.up),
    ];

    describe('imap', () => {
      checks(daemon, imap, [
        ['a greeting', 'service = imap', 'up', imapAnswers.greeting],
        ['a login', `service = imap\n${login}`, 'up', imapAnswers.up],
        ['a wrong password', `service = imap\n${wrong}`, 'down', imapAnswers.refused],
        [
          'a port with TLS',
          `service = imap\ncheckport = ${imaps}\nnegotiatetimeout = 1`,
          'down',
          /^no answer within 1 s/,
        ],
        ['a POP3 server', `service = imap\ncheckport = ${pop}`, 'down', /^not an IMAP greeting: "\+OK Dovecot/],
      ]);
      life(daemon, imap, `service = imap\n${login}`, { up: imapAnswers.up });
    });
    describe('imap with STARTTLS', () => checks(daemon, imap, overTls('service = imap\nstarttls = yes', imapAnswers)));
    describe('imaps', () => {
      checks(daemon, imaps, [
        ...overTls('service = imaps', imapAnswers),
        ['a port without TLS', `service = imaps\ncheckport = ${imap}`, 'down', 'the port does not speak TLS'],
      ]);
      life(daemon, imaps, `service = imaps\n${verified(tls)}\n${login}`, { up: imapAnswers.up });
    });

    describe('pop', () => {
      checks(daemon, pop, [
        ['a greeting', 'service = pop', 'up', popAnswers.greeting],
        ['a login', `service = pop\n${login}`, 'up', popAnswers.up],
        ['a wrong password', `service = pop\n${wrong}`, 'down', popAnswers.refused],
        [
          'a port with TLS',
          `service = pop\ncheckport = ${pops}\nnegotiatetimeout = 1`,
          'down',
          /^no answer within 1 s/,
        ],
        ['an IMAP server', `service = pop\ncheckport = ${imap}`, 'down', /^not a POP3 greeting: "\* OK \[CAPABILITY/],
      ]);
      life(daemon, pop, `service = pop\n${login}`, { up: popAnswers.up });
    });
    describe('pop with STLS', () => checks(daemon, pop, overTls('service = pop\nstarttls = yes', popAnswers)));
    describe('pops', () => {
      checks(daemon, pops, overTls('service = pops', popAnswers));
      life(daemon, pops, `service = pops\n${verified(tls)}\n${login}`, { up: popAnswers.up });
    });

    // Dovecot trusts a client that has its own address. We are 127.0.0.1.
    test.for([
      ['imap', imap, 'starttls = no', 'down', 'LOGINDISABLED'],
      ['imap', imap, 'starttls = yes', 'up', imapAnswers.up],
      ['pop', pop, 'starttls = no', 'down', 'USER refused: -ERR [AUTH] Plaintext authentication disallowed'],
      ['pop', pop, 'starttls = yes', 'up', popAnswers.up],
    ] as const)('no password in the clear: %s, port %i, %s', async ([service, port, startTls, outcome, detail]) => {
      const { target, spec } = planOf('127.0.0.2', port, `service = ${service}\n${startTls}\n${login}`);
      const result = await check(target, spec);
      expect(result.outcome).toBe(outcome);
      expect(result.detail).toContain(detail);
    });
  },
  { root: true },
);
