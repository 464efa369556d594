"""The least that FastAPI on uvicorn can do: give back the body. What `serving.py` measures against."""

import sys

import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/invocations")
async def echo(request: Request) -> Response:
    """Return the body as it came."""
    return Response(await request.body(), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
