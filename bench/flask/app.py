"""The six routes of the tutorial, with its linear searches of lists in memory and its unsalted SHA-256.

It corrects what does not run in the tutorial: there is one Flask app, ids are unique, and an id may be a string or a
number. Responses are those of userorder, so that one client can check both.

ORDERS is the number of orders at the start, and USERS the number of users who own them in turn. The users themselves
are not in the list.
"""

import hashlib
import itertools
import os
import platform
import threading
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import flask
import flask_jwt_extended as tokens

app = flask.Flask(__name__)
app.config["JWT_SECRET_KEY"] = os.environ["JWT_SECRET"]
app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(hours=1)
app.json.ensure_ascii = False
tokens.JWTManager(app)

if os.environ.get("SAY_VERSIONS"):
    print(f"Python {platform.python_version()}, Flask {version('flask')}, Flask-JWT-Extended {version('flask-jwt-extended')}")

lock = threading.Lock()  # a worker may have threads, and a deletion moves the orders behind it
users = []
orders = []


def now():
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seed(count, owners):
    at = now()
    for number in range(1, count + 1):
        orders.append({
            "id": str(number), "userid": str(1 + number % owners), "product": "product1", "price": 100.0,
            "status": "created", "created_at": at,
        })


seed(int(os.environ.get("ORDERS", "0")), int(os.environ.get("USERS", "100")))
user_ids = itertools.count(1)
order_ids = itertools.count(len(orders) + 1)


def answer(msg, data, code=0, status=200):
    return flask.jsonify({"code": code, "msg": msg, "data": data}), status


def digest(password):
    return hashlib.sha256(password.encode()).hexdigest()


@app.get("/healthz")
def healthz():
    return answer("ok", {})


@app.post("/user/register")
def register():
    body = flask.request.get_json()
    with lock:
        for user in users:
            if user["username"] == body["username"]:
                return answer("用户名已存在", {}, code=1)
        user = {
            "userid": str(next(user_ids)), "username": body["username"], "email": body["email"],
            "password": digest(body["password"]),
        }
        users.append(user)
    return answer("注册成功", {"userid": user["userid"]})


@app.post("/user/login")
def login():
    body = flask.request.get_json()
    for user in users:
        if user["username"] == body["username"] and user["password"] == digest(body["password"]):
            token = tokens.create_access_token(identity=user["userid"])
            return answer("登录成功", {"token": token, "userid": user["userid"], "expires_in": 3600})
    return answer("用户名或密码错误", {}, code=1)


@app.get("/user/info")
@tokens.jwt_required()
def info():
    caller = tokens.get_jwt_identity()
    for user in users:
        if user["userid"] == caller:
            return answer("查询成功", {name: user[name] for name in ("userid", "username", "email")})
    return answer("用户不存在", {}, code=1)


@app.post("/order/create")
@tokens.jwt_required()
def create():
    caller = tokens.get_jwt_identity()
    body = flask.request.get_json()
    if str(body.get("userid", caller)) != caller:
        return answer("无权操作其他用户的订单", {}, code=403, status=403)
    order = {
        "id": str(next(order_ids)), "userid": caller, "product": body["product"], "price": body["price"],
        "status": "created", "created_at": now(),
    }
    with lock:
        orders.append(order)
    return answer("创建成功", order)


@app.get("/order/query/<order_id>")
@tokens.jwt_required()
def query(order_id):
    for order in orders:
        if order["id"] == order_id:
            if order["userid"] != tokens.get_jwt_identity():
                return answer("无权操作其他用户的订单", {}, code=403, status=403)
            return answer("查询成功", order)
    return answer("订单不存在", {}, code=1)


@app.delete("/order/cancel/<order_id>")
@tokens.jwt_required()
def cancel(order_id):
    with lock:
        for position, order in enumerate(orders):
            if order["id"] == order_id:
                if order["userid"] != tokens.get_jwt_identity():
                    return answer("无权操作其他用户的订单", {}, code=403, status=403)
                del orders[position]
                return answer("取消成功", {})
    return answer("订单不存在", {}, code=1)
