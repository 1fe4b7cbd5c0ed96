// Where redirects lead, under which name the next server is asked, and when they are too many.
import { afterEach, expect, test } from 'vitest';
import { check, closedPort, closeListeners, httpSpec, listen, ok, redirect, services } from './listeners.ts';

afterEach(closeListeners);

const times = (count: number) => Array.from({ length: count }, (_, index) => redirect(`/${index + 1}`));
const hosts = (requests: string[]) => requests.map((request) => /host: (.*)\r\n/.exec(request)?.[1]);
const paths = (requests: string[]) => requests.map((request) => request.split(' ')[1]);

test('seven redirects are followed, the eighth is not', async () => {
  const seven = await listen([...times(7), ok('found')]);
  expect((await check(seven.target, httpSpec())).outcome).toBe('up');
  expect(paths(seven.requests)).toEqual(['/lbcheck.html', '/1', '/2', '/3', '/4', '/5', '/6', '/7']);
  const eight = await listen([...times(8), ok('found')]);
  expect(await check(eight.target, httpSpec())).toMatchObject({
    outcome: 'down',
    detail: 'redirected more than 7 times',
  });
  expect(eight.requests).toHaveLength(8);
});

test('a loop ends', async () => {
  const server = await listen(redirect('/lbcheck.html'));
  expect((await check(server.target, httpSpec())).detail).toBe('redirected more than 7 times');
  await server.allClosed();
});

test.each(['301 Moved Permanently', '302 Found', '303 See Other', '307 Temporary Redirect', '308 Permanent Redirect'])(
  '%s',
  async (status) => {
    const server = await listen([redirect('next?x#y', status), ok('found')]);
    expect((await check(server.target, httpSpec({ request: '/a/b' }))).outcome).toBe('up');
    expect(paths(server.requests)).toEqual(['/a/b', '/a/next?x']);
  },
);

test.each([
  ['no Location', 'HTTP/1.1 302 Found\r\n\r\n', 'HTTP 302 Found without a Location'],
  ['another protocol', redirect('ftp://127.0.0.1/x'), 'redirected to ftp://127.0.0.1/x, which is not HTTP'],
  ['no URL', redirect('http://[::bad'), 'redirected to "http://[::bad", which is no URL'],
  ['an unknown name', redirect('http://gone.example/x'), 'name not found, after a redirect to http://gone.example/x'],
  ['300, which is none', 'HTTP/1.1 300 Multiple Choices\r\nLocation: /x\r\n\r\n', 'HTTP 300 Multiple Choices'],
])('%s is down', async (_name, answer, detail) => {
  const server = await listen([answer, ok('found')]);
  expect(await check(server.target, httpSpec())).toMatchObject({ outcome: 'down', detail });
});

test('to another host: resolved, connected to, and asked under its name', async () => {
  const other = await listen(ok('found'));
  const server = await listen(redirect(`http://other.example:${other.port}/there`));
  const spec = httpSpec({ virtualHost: 'www.example.com' });
  expect((await check(server.target, spec, services({ 'other.example': '127.0.0.1' }))).outcome).toBe('up');
  expect(hosts(server.requests)).toEqual(['www.example.com']);
  expect(hosts(other.requests)).toEqual([`other.example:${other.port}`]);
});

test('to another host that refuses: says which', async () => {
  const url = `http://127.0.0.1:${await closedPort()}/there`;
  const server = await listen(redirect(url));
  expect((await check(server.target, httpSpec())).detail).toBe(`connection refused, after a redirect to ${url}`);
});

test('within one server the virtual host stays', async () => {
  const server = await listen([redirect('/two'), redirect('three'), ok('found')]);
  expect((await check(server.target, httpSpec({ virtualHost: 'www.example.com' }))).outcome).toBe('up');
  expect(hosts(server.requests)).toEqual(['www.example.com', 'www.example.com', 'www.example.com']);
});

test("to the virtual host's own name: stays with this real server", async () => {
  const server = await listen([redirect('http://www.example.com/login'), ok('found')]);
  expect((await check(server.target, httpSpec({ virtualHost: 'www.example.com' }))).outcome).toBe('up');
  expect(paths(server.requests)).toEqual(['/lbcheck.html', '/login']);
  expect(hosts(server.requests)).toEqual(['www.example.com', 'www.example.com']);
});

test('from http to https, and back', async () => {
  const secure = await listen(
    [redirect('/again'), (socket) => socket.end(redirect(`http://127.0.0.1:${plain.port}/end`))],
    {
      tls: true,
    },
  );
  const plain: Awaited<ReturnType<typeof listen>> = await listen([
    redirect(`https://other.example:${secure.port}/`),
    ok('found'),
  ]);
  expect((await check(plain.target, httpSpec(), services({ 'other.example': '127.0.0.1' }))).outcome).toBe('up');
  expect(secure.serverNames).toEqual(['other.example', 'other.example']);
  expect(paths(secure.requests)).toEqual(['/', '/again']);
  expect(paths(plain.requests)).toEqual(['/lbcheck.html', '/end']);
});

test('a proxy is asked for where an answer leads, too', async () => {
  const proxy = await listen([redirect('http://b.example/x'), redirect('/y'), ok('found')]);
  expect((await check(proxy.target, httpSpec({ proxy: true, request: 'http://a.example/' }))).outcome).toBe('up');
  expect(paths(proxy.requests)).toEqual(['http://a.example/', 'http://b.example/x', 'http://b.example/y']);
  expect(hosts(proxy.requests)).toEqual(['a.example', 'b.example', 'b.example']);
});
