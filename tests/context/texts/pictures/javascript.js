import Panel from "./panel.js";
const zlib = require("zlib");

class Account extends Base {
  pay(amount) {
    return charge(amount, MAX_FEE);
  }
}

function load(path) {
  return new Store(path).read();
}

const twice = function (value) {
  return value * 2;
};

module.exports.run = () => import("./lazy.js");

const view = <Row render={renderRow} />;
