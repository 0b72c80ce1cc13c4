// A snakebridge worker in Node: `node worker.js tools.js`, started by a bridge that was given this as its command.

import { main } from "./snakebridge/main.js";

await main(process.argv[2]);
