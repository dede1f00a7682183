// The npm package `oidc-provider` on a free loopback port: prints its address, stops with its standard input.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, audience, secret, origin] = process.argv.slice(2);
const found = createRequire(`${folder}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found).href);

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'muniment-web', client_secret: secret, redirect_uris: [`${origin}/signin/callback`],
        grant_types: ['authorization_code'], response_types: ['code'],
      },
      {
        client_id: 'robot', client_secret: secret, redirect_uris: [],
        grant_types: ['client_credentials'], response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'api:read', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600,
        }),
      },
    },
    pkce: { required: () => true },
    claims: { openid: ['sub'] },
    findAccount: async (_context, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
