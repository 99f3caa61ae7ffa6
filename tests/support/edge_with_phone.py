"""An enrolled edge that opens phones' pages, with a phone's web server at 127.0.0.1 in place of the phone."""

import threading
from collections.abc import Callable

from ringfence.edge.errors import HubRefused, JobOver
from ringfence.edge.jobs.edge_jobs import Work
from ringfence.edge.jobs.phone_web import PhonePlaces, PhoneWeb
from ringfence.edge.jobs.policy import JobPolicy, PhoneWebPolicy
from ringfence.edge.jobs.telling import JobTelling
from ringfence.wire import codec, paths
from ringfence.wire.job_messages import EdgeJobState, JobNews, JobNewsAnswer, JobOrder, JobOrders
from ringfence.wire.messages import SiteState, StatePart
from ringfence.wire.phone_web_messages import PhoneWebNews, PhoneWebOrders
from support.running_hub import EdgeInHand

HERE = "127.0.0.1"


class EdgeWithPhone:
    """Does the jobs that open phones' pages; every phone is at one web server."""

    def __init__(self, hand: EdgeInHand, port: int) -> None:
        self.hand, self.id = hand, hand.response.edge_id
        self.stopping = threading.Event()
        self._places = PhonePlaces(lambda _mac: HERE, lambda _mac, _host: True, {False: port, True: port})
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._done: set[str] = set()

    def start(self) -> None:
        """Begin to do jobs as they come."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self.stopping.set()
        self._thread.join(60)

    def orders(self) -> tuple[JobOrder, ...]:
        """The orders that the hub has for it."""
        state = codec.from_json(SiteState, self.hand.get(paths.STATE).data)
        return codec.from_json(JobOrders, bytes(state.parts[StatePart.JOBS])).orders

    def tell(self, news: JobNews) -> JobNewsAnswer:
        """Tell of a job."""
        return codec.from_json(JobNewsAnswer, self._posted(paths.JOBS, news))

    def exchange(self, news: PhoneWebNews) -> PhoneWebOrders:
        """Tell an answer, and ask what to do."""
        return codec.from_json(PhoneWebOrders, self._posted(paths.PHONE_WEB, news))

    def do(self, order: JobOrder, after: Callable[[], None] = lambda: None) -> None:
        """Do one job."""
        telling = JobTelling(order.number, "a1", self.tell, self.stopping)
        telling.take()
        after()
        sentence = PhoneWeb(self._places, self.exchange).run(
            Work(order, JobPolicy(phone_web=PhoneWebPolicy.CHANGES), telling)
        )
        telling.end(EdgeJobState.DONE, sentence)

    def _posted(self, path: str, news: object) -> bytes:
        answer = self.hand.post(path, news)
        if answer.status != 200:
            raise HubRefused(answer.data.decode("utf-8", "replace"), kind="refused")
        return answer.data

    def _work(self) -> None:
        while not self.stopping.wait(0.1):
            for order in self.orders():
                if order.number in self._done:
                    continue
                self._done.add(order.number)
                try:
                    self.do(order)
                except JobOver:
                    continue
