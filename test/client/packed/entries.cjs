// Prints for each entry point in the arguments whether `require` and `import` load the same exports.
async function main() {
  const found = {};
  for (const path of process.argv.slice(2)) {
    const name = path.replace('.', '@redis-cache-kit/client');
    const required = require(name);
    const imported = await import(name);
    const names = Object.keys(imported);
    found[path] =
      names.length === Object.keys(required).length &&
      names.every((each) => imported[each] === required[each]);
  }
  console.log(JSON.stringify(found));
}

main();
