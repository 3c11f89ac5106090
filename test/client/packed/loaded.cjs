// Prints the modules of the client that its main entry point loads, then the modules with a second entry point.
const modules = () =>
  Object.keys(require.cache)
    .map((path) => /[\\/]client[\\/]dist[\\/](.*)/.exec(path)?.[1]?.replaceAll('\\', '/'))
    .filter((path) => path !== undefined);

require('@redis-cache-kit/client');
const main = modules();
require('@redis-cache-kit/client/metrics');
console.log(JSON.stringify({ main, withMetrics: modules() }));
