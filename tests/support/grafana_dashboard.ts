// What a dashboard of this project may be, in Grafana's own types: the tests make a JSON schema of it.
import type * as dashboard from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as trend from '@grafana/schema/dist/esm/raw/composable/trend/panelcfg/x/TrendPanelCfg_types.gen';

interface DataSource {
  type: 'grafana-clickhouse-datasource';
  uid: string;
}

// The query model of the ClickHouse plugin.
interface Query {
  datasource: DataSource;
  editorType: 'sql';
  format: 0 | 1; // time series, table
  pluginVersion: string;
  queryType: 'timeseries' | 'table';
  rawSql: string;
  refId: string;
}

interface Metrics {
  type: 'prometheus';
  uid: string;
}

// The query model of Grafana's Prometheus datasource.
interface MetricQuery {
  datasource: Metrics;
  editorMode: 'code';
  expr: string;
  format: 'time_series' | 'table';
  instant: boolean;
  legendFormat: string;
  range: boolean;
  refId: string;
}

type Panels<Type, Options, Custom> =
  | QueryPanel<Type, Options, Custom, DataSource, Query>
  | QueryPanel<Type, Options, Custom, Metrics, MetricQuery>;

type QueryPanel<Type, Options, Custom, Source, Question> = Omit<
  dashboard.Panel,
  'datasource' | 'fieldConfig' | 'options' | 'targets' | 'type'
> & {
  datasource: Source;
  description: string;
  fieldConfig: {
    defaults: Omit<dashboard.FieldConfig, 'custom'> & { custom?: Custom };
    overrides: dashboard.FieldConfigSource['overrides'];
  };
  options: Options;
  targets: [Question];
  title: string;
  type: Type;
};

export type Panel =
  | Panels<'stat', stat.Options, {}>
  | Panels<'table', table.Options, table.FieldConfig>
  | Panels<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | Panels<'trend', trend.Options, trend.FieldConfig>
  | (dashboard.RowPanel & { panels: [] });

// The plugin's annotations are queries that return the columns time and text.
type Annotation = Omit<dashboard.AnnotationQuery, 'datasource' | 'target'> & { datasource: DataSource; target: Query };

export type Dashboard = Omit<dashboard.Dashboard, 'annotations' | 'panels'> & {
  annotations: { list: Annotation[] };
  panels: Panel[];
};
