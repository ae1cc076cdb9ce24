// The real providers of OpenFeature, asked what a test wants to know: one line of JSON for each thing that they say.
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { OpenFeature as Web, ProviderEvents } from '@openfeature/web-sdk';

const [baseUrl, token, ...keys] = process.argv.slice(2);
const headers = [['Authorization', `Bearer ${token}`]];
const say = (thing) => console.log(JSON.stringify(thing));
const said = ({ value, variant, reason, errorCode }) => ({ value, variant, reason, errorCode });

await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl, headers }));
const server = OpenFeature.getClient();
const details = (name, context) => server.getBooleanDetails(name, false, context);
say({
  server: {
    split: await Promise.all(keys.map((targetingKey) => server.getBooleanValue('split', false, { targetingKey }))),
    group: said(await details('beta', { targetingKey: 'ada', userGroups: ['beta'] })),
    nowhere: said(await details('nowhere', { targetingKey: 'ada' })),
    keyless: said(await details('split', {})),
  },
});
await OpenFeature.close();

await Web.setContext({ targetingKey: keys[0] });
await Web.setProviderAndWait(new OFREPWebProvider({ baseUrl, headers, cacheMode: 'disabled' }));
const web = Web.getClient();
const page = () => ({
  done: said(web.getBooleanDetails('done', false)),
  beta: web.getBooleanValue('beta', false),
  split: web.getBooleanValue('split', false),
  keyless: said(web.getBooleanDetails('nowhere', true)),
});
say({ web: page() });
await Web.setContext({ targetingKey: keys[0], userGroups: ['beta'] });
say({ onlyAttributesChanged: page() });
web.addHandler(ProviderEvents.ConfigurationChanged, async ({ flagsChanged }) => {
  if (flagsChanged?.includes('done')) {
    say({ pushed: page(), flagsChanged });
    await Web.close();
    process.exit(0);
  }
});
say({ listening: true });
