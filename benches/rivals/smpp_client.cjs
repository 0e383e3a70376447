// Sends messages with the npm package `smpp` and prints how many a second. Arguments: port, window, messages, package.
const [port, window, messages] = process.argv.slice(2, 5).map(Number);
const smpp = require(process.argv[5]);
const text = '【瑞安商贸】李先生您好，您的账单将于4月10日到期。拒收请回复T';
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` }, () => {
  session.bind_transceiver({ system_id: 'dunwell', password: '' }, () => {
    const started = process.hrtime.bigint();
    let sent = 0;
    let answered = 0;
    const next = () => {
      if (sent === messages) return;
      sent += 1;
      session.submit_sm({ destination_addr: '8613800000101', source_addr: '10690000', data_coding: 8, registered_delivery: 1, short_message: text }, (pdu) => {
        if (pdu.command_status !== 0) process.exit(1);
        answered += 1;
        if (answered === messages) {
          console.log(messages / (Number(process.hrtime.bigint() - started) / 1e9));
          process.exit(0);
        }
        next();
      });
    };
    for (let n = 0; n < window; n += 1) next();
  });
});
