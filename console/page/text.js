// text.js has all texts in both languages, and writes dates and prices as the reader does.
const chinese = (navigator.language || "zh").toLowerCase().startsWith("zh");

// language is what the page is written in and asks the service for.
export const language = chinese ? "zh" : "en";

// texts are [Chinese, English]. {name} is replaced.
const texts = {
  brand: ["订单管理", "Order console"],
  skip: ["跳到内容", "Skip to content"],
  sections: ["栏目", "Sections"],
  orders: ["订单", "Orders"],
  users: ["用户", "Users"],
  webhooks: ["Webhook", "Webhooks"],
  logOut: ["退出", "Log out"],
  loading: ["加载中…", "Loading…"],
  tryAgain: ["重试", "Try again"],
  more: ["显示更多", "Show more"],
  zone: ["时间按 {zone} 显示", "Times are in {zone}"],
  notFound: ["没有这个页面", "There is no such page"],
  notFoundHelp: ["请从上方的栏目继续。", "Choose a section above."],

  logInTitle: ["登录", "Log in"],
  logInHelp: ["供管理人员处理订单与用户。", "For staff, to look after orders and users."],
  logIn: ["登录", "Log in"],
  username: ["用户名", "Username"],
  password: ["密码", "Password"],
  staffOnly: ["仅限管理人员", "Staff only"],
  staffOnlyHelp: [
    "此账户不是管理员。请联系运维人员运行 {name}。",
    "This account is not staff. Ask whoever runs the service to run {name}.",
  ],
  sessionOver: ["会话已结束，请重新登录。", "The session has ended. Log in again."],
  loggedOut: ["已退出。", "You are logged out."],
  logOutFailed: [
    "已在此页面退出，但未能通知服务器：会话到期后自行结束。",
    "You are logged out here, but the service could not be told: the session ends when it expires.",
  ],
  unreachable: ["无法连接服务器，请检查网络后重试。", "The service cannot be reached. Check the network, then try again."],
  unavailable: ["服务暂时不可用（状态码 {status}），请稍后重试。", "The service is not available at the moment (status {status}). Try again later."],
  invalidAnswer: [
    "响应不是来自本服务（状态码 {status}），请检查网络或代理。",
    "The response does not come from this service (status {status}). Check the network and the proxy.",
  ],
  interrupted: ["自动刷新中断，正在重试。", "Updates are interrupted; the page keeps trying."],

  byStatus: ["按状态筛选", "By status"],
  all: ["全部", "All"],
  created: ["待付款", "To be paid"],
  paid: ["已付款", "Paid"],
  shipped: ["已发货", "Shipped"],
  completed: ["已完成", "Completed"],
  cancelled: ["已取消", "Cancelled"],
  number: ["订单号", "Number"],
  product: ["商品", "Product"],
  price: ["价格", "Price"],
  status: ["状态", "Status"],
  customer: ["用户", "Customer"],
  createdAt: ["下单时间", "Ordered"],
  updatedAt: ["更新时间", "Updated"],
  isNew: ["新", "New"],
  newOrders: ["新订单：{n}", "New orders: {n}"],
  openOrder: ["打开订单", "Open order"],
  noOrders: ["还没有订单", "There are no orders yet"],
  noOrdersHelp: ["有新订单时会自动出现在这里。", "New orders appear here by themselves."],
  noOrdersOfStatus: ["没有“{status}”的订单", "No orders are “{status}”"],
  noOrdersOfStatusHelp: [
    "订单变为此状态后，新的会自动出现；要看其他订单，请选择“全部”。",
    "Orders appear here once they have this status. Choose “All” to see the others.",
  ],
  noOrdersOfUser: ["此用户没有订单", "This user has no orders"],
  noOrdersOfUserHelp: ["有新订单时会自动出现在这里。", "New orders appear here by themselves."],

  order: ["订单 {id}", "Order {id}"],
  userNumber: ["用户 {id}", "User {id}"],
  noSuchOrder: ["没有订单 {id}", "There is no order {id}"],
  noSuchOrderHelp: ["请核对订单号，或返回订单列表。", "Check the number, or go back to the orders."],
  backToUser: ["返回用户", "Back to the user"],
  backToOrders: ["返回订单列表", "Back to orders"],
  details: ["附加信息", "Details"],
  history: ["记录", "History"],
  changes: ["下一步", "Next step"],
  noChanges: ["此订单已结束，没有后续操作。", "This order is finished; nothing is left to do."],
  orderChanged: ["订单已更新：{status}", "The order is now: {status}"],
  changedMeanwhile: ["订单刚有变化，请核对后再操作。", "The order has just changed. Look at it before you go on."],
  doPaid: ["确认付款", "Mark paid"],
  doShipped: ["发货", "Ship"],
  doCompleted: ["完成", "Complete"],
  doCancelled: ["取消订单", "Cancel order"],
  askPaid: ["确认已收到这笔款项？", "Has the payment been received?"],
  askShipped: ["确认已发货？发货后不能再取消。", "Has it been shipped? It cannot be cancelled after that."],
  askCompleted: ["确认订单已完成？之后不能再修改。", "Is the order complete? It cannot be changed after that."],
  askCancelled: ["确认取消？取消后不能恢复。", "Cancel the order? This cannot be undone."],
  note: ["备注（可不填，最多 200 字）", "Note (optional, up to 200 characters)"],
  back: ["返回", "Go back"],
  byCustomer: ["用户", "Customer"],
  byStaff: ["管理员", "Staff"],
  bySystem: ["系统", "System"],
  didCreated: ["下单", "Ordered"],
  didPaid: ["确认付款", "Marked paid"],
  didShipped: ["发货", "Shipped"],
  didCompleted: ["完成", "Completed"],
  didCancelled: ["取消", "Cancelled"],

  findUser: ["查找用户（完整用户名）", "Find a user (whole name)"],
  find: ["查找", "Find"],
  showAll: ["显示全部", "Show all"],
  noUser: ["没有名为“{name}”的用户", "Nobody is called “{name}”"],
  noUserHelp: ["请输入完整的用户名，不区分大小写。", "Enter the whole name; upper and lower case are the same."],
  noSuchUser: ["没有用户 {id}", "There is no user {id}"],
  noSuchUserHelp: ["账户可能已注销；其订单仍会保留。", "The account may have been erased; its orders remain."],
  backToUsers: ["返回用户列表", "Back to users"],
  userid: ["编号", "Id"],
  email: ["邮箱", "E-mail"],
  role: ["角色", "Role"],
  customerRole: ["普通用户", "Customer"],
  staffRole: ["管理员", "Staff"],
  account: ["账户", "Account"],
  active: ["正常", "Active"],
  disabled: ["已停用", "Disabled"],
  registeredAt: ["注册时间", "Registered"],
  ownAccount: ["这是您自己的账户，不能在此修改。", "This is your own account, which you cannot change here."],
  disable: ["停用账户", "Disable account"],
  enable: ["启用账户", "Enable account"],
  makeStaff: ["设为管理员", "Make staff"],
  makeCustomer: ["取消管理员角色", "Remove staff role"],
  askDisable: ["停用后，{name} 不能再登录，全部会话立即结束。", "{name} cannot log in any more, and all sessions end at once."],
  askEnable: ["启用后，{name} 可以重新登录。", "{name} can log in again."],
  askMakeStaff: [
    "{name} 将能查看和处理所有订单与用户。其全部会话立即结束，须重新登录。",
    "{name} will see and change all orders and users. All sessions end at once; a new login is needed.",
  ],
  askMakeCustomer: [
    "{name} 将不能再管理订单与用户。其全部会话立即结束，须重新登录。",
    "{name} will not manage orders and users any more. All sessions end at once; a new login is needed.",
  ],
  userChanged: ["已修改", "Changed"],
  ordersOfUser: ["订单", "Orders"],

  noWebhooks: ["未设置 Webhook", "No webhooks are set up"],
  noWebhooksHelp: [
    "设置 WEBHOOK_URLS 和 WEBHOOK_SECRET 并重启服务后，订单的变化会发送到您的系统。",
    "Set WEBHOOK_URLS and WEBHOOK_SECRET and restart the service, and your systems learn of every change to an order.",
  ],
  waiting: ["等待发送", "Waiting"],
  oldest: ["最早的事件", "Oldest event"],
  lastError: ["上次失败", "Last failure"],
  nextTry: ["下次发送", "Next attempt"],
  delivered: ["没有等待发送的事件", "Nothing is waiting"],
  retry: ["立即重发", "Retry now"],
  retrying: ["正在重新发送。", "The events are being sent again."],
};

// failures are the texts of last_error in Chinese. Those with a number are in failure.
const failures = {
  "no answer within 10 s": "10 秒内没有响应",
  "host not found": "找不到主机",
  "name lookup failed": "域名解析失败",
  "address not allowed": "不允许的地址",
  "connection refused": "连接被拒绝",
  "host unreachable": "主机不可达",
  "cannot connect": "无法连接",
  "cannot connect to the proxy": "无法连接代理",
  "certificate not valid": "证书无效",
  "TLS failed": "TLS 握手失败",
  "connection closed": "连接被关闭",
  "no valid answer": "响应无效",
};

// t returns a text with those places filled that have a value.
export function t(key, values = {}) {
  const pair = texts[key];
  if (!pair) throw new Error(`text.js has no ${key}`);
  return pair[chinese ? 0 : 1].replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

// failure returns the last_error of a webhook in words.
export function failure(text) {
  if (!chinese) return text;
  return failures[text] ?? text.replace(/^proxy status (\d+)$/, "代理返回状态码 $1").replace(/^status (\d+)$/, "返回状态码 $1");
}

const locale = chinese ? "zh-CN" : navigator.language;
const format = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const briefFormat = new Intl.DateTimeFormat(locale, { dateStyle: "short", timeStyle: "short" });

// zone is the time zone of the reader.
export const zone = format.resolvedOptions().timeZone;

// date writes a timestamp in the reader's zone, minute does without seconds.
export const date = (timestamp) => format.format(new Date(timestamp));
export const minute = (timestamp) => briefFormat.format(new Date(timestamp));

// amount writes a price with two decimals and groups of three, from the digits that the service sent: a float would
// change some of them.
export function amount(price) {
  const [whole, cents = ""] = price.split(".");
  return `${whole.replace(/\B(?=(\d{3})+$)/g, ",")}.${cents.padEnd(2, "0")}`;
}

// capitalized makes of paid the Paid of doPaid, askPaid and didPaid.
export const capitalized = (word) => word[0].toUpperCase() + word.slice(1);
