"""A minimal binding of libpq through ctypes: no driver needs to be installed."""

import ctypes
import ctypes.util

_name = ctypes.util.find_library("pq") or "libpq.so.5"
_pq = ctypes.CDLL(_name)
for _function, _result in [
    ("PQconnectdb", ctypes.c_void_p), ("PQstatus", ctypes.c_int),
    ("PQerrorMessage", ctypes.c_char_p), ("PQexec", ctypes.c_void_p),
    ("PQprepare", ctypes.c_void_p), ("PQexecPrepared", ctypes.c_void_p),
    ("PQresultStatus", ctypes.c_int), ("PQresultErrorField", ctypes.c_char_p),
    ("PQresultErrorMessage", ctypes.c_char_p), ("PQntuples", ctypes.c_int),
    ("PQnfields", ctypes.c_int), ("PQgetvalue", ctypes.c_char_p),
    ("PQgetisnull", ctypes.c_int), ("PQftype", ctypes.c_uint), ("PQclear", None),
    ("PQfinish", None), ("PQsetNoticeProcessor", ctypes.c_void_p),
]:
    getattr(_pq, _function).restype = _result

_SQLSTATE = ord("C")
_NOTICE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
_ignore = _NOTICE(lambda arg, message: None)


class Error(Exception):
    """An error of the server, with its SQLSTATE."""

    def __init__(self, sqlstate, message):
        super().__init__(f"{sqlstate}: {message.strip()}")
        self.sqlstate = sqlstate


class Lost(Exception):
    """The connection is gone: the server crashed or was stopped."""


class Connection:
    """One connection; the environment (PGHOST, ...) says where to."""

    def __init__(self, conninfo=""):
        self._conn = ctypes.c_void_p(_pq.PQconnectdb(conninfo.encode()))
        if _pq.PQstatus(self._conn) != 0:
            raise Lost(_pq.PQerrorMessage(self._conn).decode(errors="replace"))
        _pq.PQsetNoticeProcessor(self._conn, _ignore, None)

    def execute(self, sql):
        """Run one statement; returns (rows of text or None, list of type OIDs)."""
        return self._take(_pq.PQexec(self._conn, sql.encode()), sql)

    def prepare(self, name, sql, type_oids):
        """Parse a statement by the extended protocol."""
        oids = (ctypes.c_uint * len(type_oids))(*type_oids)
        self._take(_pq.PQprepare(self._conn, name.encode(), sql.encode(), len(type_oids), oids), sql)

    def execute_prepared(self, name, values):
        """Execute a prepared statement with values as text or None."""
        texts = (ctypes.c_char_p * len(values))(*[v if v is None else v.encode() for v in values])
        return self._take(_pq.PQexecPrepared(self._conn, name.encode(), len(values), texts, None,
                                             None, 0), name)

    def _take(self, result, sql):
        result = ctypes.c_void_p(result)
        try:
            status = _pq.PQresultStatus(result)
            if status not in (1, 2):
                state = _pq.PQresultErrorField(result, _SQLSTATE)
                message = (_pq.PQresultErrorMessage(result) or b"").decode(errors="replace")
                if _pq.PQstatus(self._conn) != 0 or state is None:
                    raise Lost(f"{message.strip()} in: {sql}")
                raise Error(state.decode(), message)
            nrows, ncols = _pq.PQntuples(result), _pq.PQnfields(result)
            types = [_pq.PQftype(result, c) for c in range(ncols)]
            rows = []
            for r in range(nrows):
                rows.append(tuple(
                    None if _pq.PQgetisnull(result, r, c)
                    else _pq.PQgetvalue(result, r, c).decode(errors="surrogateescape")
                    for c in range(ncols)))
            return rows, types
        finally:
            _pq.PQclear(result)

    def alive(self):
        """Is the connection still good?"""
        return _pq.PQstatus(self._conn) == 0

    def close(self):
        """Close the connection."""
        _pq.PQfinish(self._conn)
